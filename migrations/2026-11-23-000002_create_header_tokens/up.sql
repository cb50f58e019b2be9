-- Static credentials that an identity provider sends in the Authorization header.
CREATE TABLE header_tokens (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    key_version smallint NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    last_used_address text,
    rotated_to text,
    CONSTRAINT header_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT header_tokens_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
COMMENT ON TABLE header_tokens IS 'Found by the public id in the token, before a tenant is known.';
COMMENT ON COLUMN header_tokens.secret_hash IS 'HMAC-SHA-256 of the secret under a key derived from the master key.';
COMMENT ON COLUMN header_tokens.key_version IS 'Which master key made secret_hash.';
COMMENT ON COLUMN header_tokens.last_used_at IS 'Written at most once a minute, outside the request.';
COMMENT ON COLUMN header_tokens.rotated_to IS 'The token that replaces this one.';
