-- What an administrator wants to know of a header token, and from where it may be used.
ALTER TABLE header_tokens
    ADD COLUMN created_by text NOT NULL DEFAULT '',
    ADD COLUMN allowed_networks text[] NOT NULL DEFAULT '{}',
    ADD COLUMN calls bigint NOT NULL DEFAULT 0,
    ADD COLUMN rotated_at timestamptz,
    ADD COLUMN calls_at_rotation bigint NOT NULL DEFAULT 0;
CREATE INDEX header_tokens_tenant ON header_tokens (tenant_id, created_at, id);
CREATE INDEX header_tokens_rotated_to ON header_tokens (tenant_id, rotated_to) WHERE rotated_to IS NOT NULL;
COMMENT ON COLUMN header_tokens.created_by IS 'The name of whoever made it, at that time; empty for older tokens.';
COMMENT ON COLUMN header_tokens.allowed_networks IS 'Addresses and networks that it is taken from; from everywhere, where there are none.';
COMMENT ON COLUMN header_tokens.calls IS 'Written together with last_used_at.';
COMMENT ON COLUMN header_tokens.rotated_at IS 'When rotated_to was made.';
COMMENT ON COLUMN header_tokens.calls_at_rotation IS 'What calls was then.';

CREATE TABLE header_token_callers (
    token_id text NOT NULL,
    address text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT header_token_callers_pkey PRIMARY KEY (token_id, address)
);
CREATE INDEX header_token_callers_last_at ON header_token_callers (last_at);
COMMENT ON TABLE header_token_callers IS 'The addresses that a header token came from in the last months, written together with its last use.';
