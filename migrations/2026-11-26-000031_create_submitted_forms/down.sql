DROP TABLE submitted_forms;
