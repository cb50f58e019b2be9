-- What a session of the admin UI remembers between two pages.
ALTER TABLE sessions
    ADD COLUMN tenant_id uuid,
    ADD COLUMN notice text;
COMMENT ON COLUMN sessions.tenant_id IS 'The tenant that an operator over all tenants chose to work in. Others work in their own.';
COMMENT ON COLUMN sessions.notice IS 'What the next page says of the last change, once.';
