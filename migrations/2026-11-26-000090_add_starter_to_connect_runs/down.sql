ALTER TABLE connect_runs DROP COLUMN starter_id;
