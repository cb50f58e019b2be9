DROP TABLE connect_runs;
