-- What the people who run the installation have set in the admin UI. Without a row everything is as a new installation has it.
CREATE TABLE installation (
    id boolean NOT NULL,
    request_days integer NOT NULL,
    body_days integer NOT NULL,
    requires_totp boolean NOT NULL,
    allows_passwords boolean NOT NULL,
    CONSTRAINT installation_pkey PRIMARY KEY (id),
    CONSTRAINT installation_one_row CHECK (id)
);
COMMENT ON TABLE installation IS 'One row at most; belongs to no tenant.';
COMMENT ON COLUMN installation.request_days IS 'How long the provisioning log is kept.';
COMMENT ON COLUMN installation.body_days IS 'How long the bodies in it are kept; 0 for not at all.';
COMMENT ON COLUMN installation.requires_totp IS 'Whether everybody who signs in with a password needs a second factor.';
COMMENT ON COLUMN installation.allows_passwords IS 'Whether people may sign in with a password, or only by the identity provider of the installation.';
