ALTER TABLE tenants DROP COLUMN unique_group_names, DROP COLUMN schema_revision, DROP COLUMN definitions;
COMMENT ON COLUMN resources.unique_name IS 'The comparison form of the attribute that is unique in the tenant (userName).';
