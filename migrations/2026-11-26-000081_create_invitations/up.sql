-- One-time links by which a person becomes an administrator, or chooses a new password.
CREATE TABLE invitations (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    key_version smallint NOT NULL,
    email text NOT NULL,
    folded_email text NOT NULL,
    role text NOT NULL,
    administrator_id uuid,
    invited_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_one_open UNIQUE (tenant_id, folded_email),
    CONSTRAINT invitations_administrator FOREIGN KEY (administrator_id) REFERENCES administrators (id) ON DELETE CASCADE
);
CREATE INDEX invitations_expires_at ON invitations (expires_at);
CREATE INDEX invitations_administrator_id ON invitations (administrator_id);
COMMENT ON TABLE invitations IS 'Found by the public id in the code, before a tenant is known. A row goes with its use, its revocation or a new link for the same address.';
COMMENT ON COLUMN invitations.tenant_id IS 'Whose administrator the person becomes; the nil UUID for an operator over all tenants.';
COMMENT ON COLUMN invitations.code_hash IS 'HMAC-SHA-256 of the code under a key derived from the master key.';
COMMENT ON COLUMN invitations.administrator_id IS 'Whose password it replaces; null for somebody new.';
COMMENT ON COLUMN invitations.invited_by IS 'The address of whoever made the link.';
