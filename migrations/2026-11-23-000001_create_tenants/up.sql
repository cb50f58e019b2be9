-- Who the server works for. One tenant exists from the start, so that a product with one customer never meets the word.
CREATE TABLE tenants (
    id uuid NOT NULL,
    name text NOT NULL,
    stores_passwords boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CONSTRAINT tenants_pkey PRIMARY KEY (id),
    CONSTRAINT tenants_unique_name UNIQUE (name)
);
COMMENT ON TABLE tenants IS 'Customers whose directories are provisioned. Small, read before a tenant is known.';
COMMENT ON COLUMN tenants.stores_passwords IS 'Whether User.password is kept (as an argon2id hash) or discarded.';

INSERT INTO tenants (id, name, created_at) VALUES ('00000000-0000-7000-8000-000000000001', 'default', now());
