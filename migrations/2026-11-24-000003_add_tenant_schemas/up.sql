-- What each tenant is served: whether names of groups are unique, and schemas and resource types of its own. They stand in the row of
-- the tenant, so that they change as one and are read as one; they are few, and only read when the revision is new to a server.
ALTER TABLE tenants
    ADD COLUMN unique_group_names boolean NOT NULL DEFAULT true,
    ADD COLUMN schema_revision bigint NOT NULL DEFAULT 0,
    ADD COLUMN definitions json;
COMMENT ON COLUMN tenants.unique_group_names IS 'Whether Group.displayName is unique in the tenant.';
COMMENT ON COLUMN tenants.schema_revision IS 'Counts the changes of what the tenant is served; 0 is the standard. Read with every credential.';
COMMENT ON COLUMN tenants.definitions IS 'Schemas (RFC 7643 section 7), resource types (section 6) and extensions that the tenant has beside the standard.';
COMMENT ON COLUMN resources.unique_name IS 'The comparison form of the unique attribute; of any but userName a copy of what comparable has.';
