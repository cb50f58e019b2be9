-- What people prove besides their password: one-time passwords of an authenticator app, and recovery codes for when it is lost.
CREATE TABLE totp_secrets (
    administrator_id uuid NOT NULL,
    sealed_secret bytea NOT NULL,
    key_version smallint NOT NULL,
    created_at timestamptz NOT NULL,
    last_step bigint NOT NULL,
    codes_revision integer NOT NULL,
    CONSTRAINT totp_secrets_pkey PRIMARY KEY (administrator_id),
    CONSTRAINT totp_secrets_administrator FOREIGN KEY (administrator_id) REFERENCES administrators (id) ON DELETE CASCADE
);
COMMENT ON TABLE totp_secrets IS 'Authenticator apps (RFC 6238), one for each person at most.';
COMMENT ON COLUMN totp_secrets.sealed_secret IS 'XChaCha20-Poly1305 under a key derived from the master key, together with the id of the person.';
COMMENT ON COLUMN totp_secrets.last_step IS 'The time step of the last code that was taken: none up to it is taken again.';
COMMENT ON COLUMN totp_secrets.codes_revision IS 'Counts how often recovery codes were made, so that a form sent twice makes them once.';

CREATE TABLE recovery_codes (
    administrator_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (administrator_id, code_hash),
    CONSTRAINT recovery_codes_secret FOREIGN KEY (administrator_id) REFERENCES totp_secrets (administrator_id) ON DELETE CASCADE
);
COMMENT ON TABLE recovery_codes IS 'Codes that stand in for the app, those that were not used yet.';
COMMENT ON COLUMN recovery_codes.code_hash IS 'HMAC-SHA-256 under a key derived from the master key.';

ALTER TABLE sessions ADD COLUMN second_factor text;
COMMENT ON COLUMN sessions.second_factor IS 'What was proven besides the password: totp, recovery_code, or sso where the identity provider answers for it.';
