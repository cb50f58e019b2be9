GRANT UPDATE, DELETE, TRUNCATE ON audit_events TO CURRENT_USER;
DROP TABLE audit_chains, audit_checkpoints, audit_seals;
DROP TRIGGER audit_events_append_only ON audit_events;
DROP TRIGGER audit_events_wait ON audit_events;
DROP FUNCTION audit_append_only();
DROP FUNCTION audit_events_wait();
DROP TABLE audit_unsealed;
