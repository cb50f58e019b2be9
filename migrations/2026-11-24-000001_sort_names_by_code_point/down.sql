ALTER TABLE resources
    ALTER COLUMN unique_name TYPE text COLLATE "default",
    ALTER COLUMN external_id TYPE text COLLATE "default";
