-- A tenant can be suspended, and deleted after a time in which it can be restored. Its row stays, so that its audit log can be read.
ALTER TABLE tenants
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN delete_after timestamptz,
    ADD COLUMN deleted_at timestamptz;
COMMENT ON COLUMN tenants.suspended_at IS 'Since when the tenant is served nothing: SCIM answers 403 and no token is issued.';
COMMENT ON COLUMN tenants.delete_after IS 'When its data is deleted, once somebody has asked for that. Until then it is suspended and can be restored.';
COMMENT ON COLUMN tenants.deleted_at IS 'When the last of its data was deleted. The audit log stays.';
