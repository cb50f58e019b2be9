DROP TABLE setup_codes;
DROP TABLE sessions;
DROP TABLE administrators;
