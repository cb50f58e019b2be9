-- Lists are sorted by code point, whatever the locale of the database. In this order the indexes on the two columns serve sorted
-- pages and comparisons too.
ALTER TABLE resources
    ALTER COLUMN unique_name TYPE text COLLATE "C",
    ALTER COLUMN external_id TYPE text COLLATE "C";
