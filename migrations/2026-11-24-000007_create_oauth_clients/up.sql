-- OAuth clients (RFC 6749 section 2): the identity providers and scripts that get access tokens.
CREATE TABLE oauth_clients (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    confidential boolean NOT NULL,
    grant_types text[] NOT NULL,
    scopes text[] NOT NULL,
    redirect_uris text[] NOT NULL,
    pkce_required boolean NOT NULL,
    jwks json,
    jwks_uri text,
    access_token_seconds integer NOT NULL,
    refresh_idle_seconds bigint NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    tokens_not_before timestamptz,
    last_used_at timestamptz,
    CONSTRAINT oauth_clients_pkey PRIMARY KEY (id)
);
CREATE INDEX oauth_clients_tenant ON oauth_clients (tenant_id, created_at);
COMMENT ON TABLE oauth_clients IS 'Found by the client_id, before a tenant is known.';
COMMENT ON COLUMN oauth_clients.tenant_id IS 'The tenant that it provisions; the nil UUID for a catalogue client, whose tenant comes from the person who consents.';
COMMENT ON COLUMN oauth_clients.redirect_uris IS 'Compared byte for byte.';
COMMENT ON COLUMN oauth_clients.jwks IS 'Public keys that verify the client''s assertions (RFC 7523).';
COMMENT ON COLUMN oauth_clients.jwks_uri IS 'Where the client publishes those keys.';
COMMENT ON COLUMN oauth_clients.tokens_not_before IS 'Access tokens issued before are refused.';

CREATE TABLE client_secrets (
    id text NOT NULL,
    client_id text NOT NULL,
    secret_hash bytea NOT NULL,
    key_version smallint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT client_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT client_secrets_client FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
);
CREATE INDEX client_secrets_client_id ON client_secrets (client_id);
COMMENT ON TABLE client_secrets IS 'Up to two live secrets for each client, so that they can be changed without a gap.';
COMMENT ON COLUMN client_secrets.secret_hash IS 'HMAC-SHA-256 of the secret under a key derived from the master key.';
COMMENT ON COLUMN client_secrets.key_version IS 'Which master key made secret_hash.';

CREATE TABLE used_assertions (
    client_id text NOT NULL,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT used_assertions_pkey PRIMARY KEY (client_id, jti),
    CONSTRAINT used_assertions_client FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
);
CREATE INDEX used_assertions_expires_at ON used_assertions (expires_at);
COMMENT ON TABLE used_assertions IS 'Client assertions that were used; none is taken twice (RFC 7523 section 3).';
