ALTER TABLE sessions DROP COLUMN tenant_id, DROP COLUMN notice;
