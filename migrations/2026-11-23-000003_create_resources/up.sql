-- SCIM resources of every type, and how many there are. No foreign key to tenants: it would lock the one row of the tenant in every
-- creation, and the tenant comes from a credential, which has that foreign key.
CREATE TABLE resources (
    tenant_id uuid NOT NULL,
    resource_type text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    last_modified_at timestamptz NOT NULL,
    unique_name text,
    external_id text,
    document text NOT NULL,
    comparable jsonb NOT NULL,
    password_hash text,
    CONSTRAINT resources_pkey PRIMARY KEY (tenant_id, resource_type, id)
) WITH (toast_tuple_target = 8160);
CREATE UNIQUE INDEX resources_unique_name ON resources (tenant_id, resource_type, unique_name);
CREATE INDEX resources_external_id ON resources (tenant_id, resource_type, external_id);
CREATE INDEX resources_last_modified_at ON resources (tenant_id, resource_type, last_modified_at);
CREATE INDEX resources_comparable ON resources USING gin (comparable jsonb_path_ops)
    WITH (fastupdate = on, gin_pending_list_limit = 256);
COMMENT ON TABLE resources IS 'One row a resource. Ids are UUIDv7, so the primary key is also the order of creation that lists follow.';
COMMENT ON COLUMN resources.unique_name IS 'The comparison form of the attribute that is unique in the tenant (userName).';
COMMENT ON COLUMN resources.document IS 'The JSON that is returned, without meta. Text, so that it is sent on without parsing.';
COMMENT ON COLUMN resources.comparable IS 'The attributes in comparison form, which filters read: case folded where the schema says so.';
COMMENT ON COLUMN resources.password_hash IS 'argon2id, only where the tenant stores passwords.';

CREATE TABLE resource_counts (
    tenant_id uuid NOT NULL,
    resource_type text NOT NULL,
    stripe smallint NOT NULL,
    resources bigint NOT NULL,
    CONSTRAINT resource_counts_pkey PRIMARY KEY (tenant_id, resource_type, stripe)
) WITH (fillfactor = 50);
COMMENT ON TABLE resource_counts IS 'totalResults is the sum over the stripes: exact, in the transaction of the change, without counting rows.';
COMMENT ON COLUMN resource_counts.stripe IS 'Each database session counts in its own row, so that writers do not wait for one another. One row alone may be negative.';
