-- An address may be that of a contact and of an administrator: whose a walk is, an id says.
ALTER TABLE connect_runs ADD COLUMN starter_id uuid;
COMMENT ON COLUMN connect_runs.starter_id IS 'The account of whoever started it: a contact sees its own. Unknown for a walk of which the audit log does not tell.';
UPDATE connect_runs SET starter_id = administrators.id
    FROM audit_events JOIN administrators ON administrators.id::text = audit_events.actor_id
    WHERE audit_events.tenant_id = connect_runs.tenant_id AND audit_events.target_type = 'ConnectRun'
    AND audit_events.target_id = connect_runs.id::text AND audit_events.action = 'connect.start';
