-- People who sign in: to consent to what an OAuth client asks for, and to the admin UI.
CREATE TABLE administrators (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    email text NOT NULL,
    folded_email text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    last_sign_in_at timestamptz,
    CONSTRAINT administrators_pkey PRIMARY KEY (id),
    CONSTRAINT administrators_unique_email UNIQUE (folded_email)
);
COMMENT ON TABLE administrators IS 'Found by e-mail address, before a tenant is known.';
COMMENT ON COLUMN administrators.tenant_id IS 'The tenant whose administrator it is; the nil UUID for an operator over all tenants.';
COMMENT ON COLUMN administrators.folded_email IS 'The address as it is compared.';
COMMENT ON COLUMN administrators.role IS 'owner, admin or auditor.';
COMMENT ON COLUMN administrators.password_hash IS 'argon2id.';

CREATE TABLE sessions (
    id_hash bytea NOT NULL,
    administrator_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    address text,
    user_agent text,
    CONSTRAINT sessions_pkey PRIMARY KEY (id_hash),
    CONSTRAINT sessions_administrator FOREIGN KEY (administrator_id) REFERENCES administrators (id) ON DELETE CASCADE
);
CREATE INDEX sessions_administrator_id ON sessions (administrator_id);
COMMENT ON TABLE sessions IS 'People who are signed in.';
COMMENT ON COLUMN sessions.id_hash IS 'HMAC-SHA-256 of what the cookie holds, under a key derived from the master key.';
COMMENT ON COLUMN sessions.seen_at IS 'The last request, to the minute.';

CREATE TABLE setup_codes (
    code_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT setup_codes_pkey PRIMARY KEY (code_hash)
);
COMMENT ON TABLE setup_codes IS 'Codes on the consoles of servers by which the first administrator claims a fresh installation.';
