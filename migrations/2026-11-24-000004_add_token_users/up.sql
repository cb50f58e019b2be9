-- A token may stand for a user of its tenant, who is then /Me (RFC 7644 section 3.11).
ALTER TABLE header_tokens ADD COLUMN user_id uuid;
COMMENT ON COLUMN header_tokens.user_id IS 'The user that the token stands for. No foreign key: a token whose user is deleted or inactive is refused.';
