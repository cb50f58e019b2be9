-- What people have consented to, and what came of it.
CREATE TABLE oauth_grants (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id text NOT NULL,
    administrator_id uuid NOT NULL,
    administrator_email text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT oauth_grants_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT oauth_grants_client FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
);
CREATE INDEX oauth_grants_client_id ON oauth_grants (client_id);
COMMENT ON TABLE oauth_grants IS 'A consent that led to tokens: the family of refresh tokens and of access tokens that end together.';
COMMENT ON COLUMN oauth_grants.administrator_id IS 'Who consented. No foreign key: provisioning goes on when the person is gone.';

CREATE TABLE authorization_codes (
    id text NOT NULL,
    code_hash bytea NOT NULL,
    key_version smallint NOT NULL,
    client_id text NOT NULL,
    tenant_id uuid NOT NULL,
    administrator_id uuid NOT NULL,
    redirect_uri text NOT NULL,
    scopes text[] NOT NULL,
    code_challenge text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    redeemed_at timestamptz,
    grant_id uuid,
    CONSTRAINT authorization_codes_pkey PRIMARY KEY (id),
    CONSTRAINT authorization_codes_client FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
);
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_client_id ON authorization_codes (client_id);
COMMENT ON TABLE authorization_codes IS 'Found by the public id in the code, before a tenant is known. Kept for a while after use, so that a second use is recognised.';
COMMENT ON COLUMN authorization_codes.grant_id IS 'What came of it.';

CREATE TABLE refresh_tokens (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    grant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    key_version smallint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    successor text,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_grant FOREIGN KEY (tenant_id, grant_id) REFERENCES oauth_grants (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_grant_id ON refresh_tokens (tenant_id, grant_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
COMMENT ON TABLE refresh_tokens IS 'Found by the public id in the token, before a tenant is known. Used ones are kept, so that a second use is recognised.';
COMMENT ON COLUMN refresh_tokens.expires_at IS 'When it ends unless it is used.';
COMMENT ON COLUMN refresh_tokens.used_at IS 'When it was first exchanged for its successor.';

CREATE TABLE revoked_access_tokens (
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT revoked_access_tokens_pkey PRIMARY KEY (jti)
);
CREATE INDEX revoked_access_tokens_expires_at ON revoked_access_tokens (expires_at);
COMMENT ON TABLE revoked_access_tokens IS 'Access tokens that were revoked one by one (RFC 7009), until they would have expired.';
