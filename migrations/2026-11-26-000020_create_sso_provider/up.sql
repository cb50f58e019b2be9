-- Sign-in by the identity provider of the people who run the installation (OpenID Connect).
CREATE TABLE sso_provider (
    id boolean NOT NULL,
    enabled boolean NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    sealed_client_secret bytea NOT NULL,
    key_version smallint NOT NULL,
    role_claim text,
    roles json NOT NULL,
    default_role text,
    people_tenant_id uuid NOT NULL,
    email_domains text[] NOT NULL,
    assumes_verified_email boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT sso_provider_pkey PRIMARY KEY (id),
    CONSTRAINT sso_provider_one_row CHECK (id)
);
COMMENT ON TABLE sso_provider IS 'One row at most; belongs to no tenant.';
COMMENT ON COLUMN sso_provider.sealed_client_secret IS 'Encrypted under a key derived from the master key, for this issuer only.';
COMMENT ON COLUMN sso_provider.role_claim IS 'The claim that says what somebody may do; without one the provider says nothing of that.';
COMMENT ON COLUMN sso_provider.roles IS 'Which value of that claim stands for which role: a list of objects with value and role.';
COMMENT ON COLUMN sso_provider.default_role IS 'The role of whoever has none by the claim; without one nobody is let in who has no role.';
COMMENT ON COLUMN sso_provider.people_tenant_id IS 'The tenant of the accounts that are made; the nil UUID for operators over all tenants.';
COMMENT ON COLUMN sso_provider.email_domains IS 'Whose addresses are let in; all where it is empty.';
COMMENT ON COLUMN sso_provider.assumes_verified_email IS 'Whether addresses count as verified of which the provider does not say whether they are.';

CREATE TABLE administrator_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    administrator_id uuid NOT NULL,
    linked_at timestamptz NOT NULL,
    last_sign_in_at timestamptz NOT NULL,
    CONSTRAINT administrator_identities_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT administrator_identities_one_of_issuer UNIQUE (administrator_id, issuer),
    CONSTRAINT administrator_identities_administrator FOREIGN KEY (administrator_id) REFERENCES administrators (id) ON DELETE CASCADE
);
COMMENT ON TABLE administrator_identities IS 'Who an administrator is at an identity provider; found before a tenant is known.';
COMMENT ON COLUMN administrator_identities.subject IS 'The claim sub, by which a provider knows somebody for ever.';

CREATE TABLE used_sso_states (
    state text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT used_sso_states_pkey PRIMARY KEY (state)
);
CREATE INDEX used_sso_states_expires_at ON used_sso_states (expires_at);
COMMENT ON TABLE used_sso_states IS 'Sign-ins that have come back from the identity provider; none comes back twice.';

-- Whoever signs in by the identity provider alone has no password.
ALTER TABLE administrators ALTER COLUMN password_hash DROP NOT NULL;
COMMENT ON COLUMN administrators.password_hash IS 'argon2id; none of whoever signs in by the identity provider alone.';
