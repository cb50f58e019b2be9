-- Links by which the IT contact of a customer comes to the wizard of one tenant, without an account.
CREATE TABLE setup_links (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    code_hash bytea NOT NULL,
    email text NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    redeemed_at timestamptz,
    redeemed_from text,
    session_hash bytea,
    revoked_at timestamptz,
    CONSTRAINT setup_links_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT setup_links_unique_code UNIQUE (code_hash)
);
COMMENT ON TABLE setup_links IS 'Found by its code, before a tenant is known; works once.';
COMMENT ON COLUMN setup_links.id IS 'UUIDv7 of the form by which it was made, so that a form sent twice makes one.';
COMMENT ON COLUMN setup_links.code_hash IS 'HMAC-SHA-256 of the code, under a key derived from the master key.';
COMMENT ON COLUMN setup_links.created_by IS 'The e-mail address of whoever made it.';
COMMENT ON COLUMN setup_links.expires_at IS 'When the link, and the session that began by it, end.';
COMMENT ON COLUMN setup_links.redeemed_from IS 'The address from which it was opened.';
COMMENT ON COLUMN setup_links.session_hash IS 'The session that began by it.';

ALTER TABLE sessions ADD COLUMN ends_at timestamptz;
COMMENT ON COLUMN sessions.ends_at IS 'When a session ends that began by a setup link, idle or not. Others end after a while without requests.';
