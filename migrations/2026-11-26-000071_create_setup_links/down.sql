ALTER TABLE sessions DROP COLUMN ends_at;
DROP TABLE setup_links;
