-- The keys that sign access tokens. One signs, its successor is published already, and its predecessors still verify.
CREATE TABLE signing_keys (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    sealed_private_key bytea NOT NULL,
    key_version smallint NOT NULL,
    created_at timestamptz NOT NULL,
    activated_at timestamptz,
    retired_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
);
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys ((true)) WHERE activated_at IS NULL;
CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys ((true)) WHERE activated_at IS NOT NULL AND retired_at IS NULL;
COMMENT ON TABLE signing_keys IS 'Keys of the authorization server (ES256); they belong to no tenant.';
COMMENT ON COLUMN signing_keys.kid IS 'The thumbprint of the public key (RFC 7638).';
COMMENT ON COLUMN signing_keys.public_key IS 'The point, uncompressed: 0x04, x, y.';
COMMENT ON COLUMN signing_keys.sealed_private_key IS 'PKCS #8, encrypted under a key derived from the master key.';
COMMENT ON COLUMN signing_keys.key_version IS 'Which master key sealed it.';
COMMENT ON COLUMN signing_keys.activated_at IS 'When it began to sign; null for the next key.';
COMMENT ON COLUMN signing_keys.retired_at IS 'When it ceased to sign. It verifies until no token that it signed is valid any more; then the row goes.';
