-- Checkpoints stay as they were written. Where another master key takes the place of the one that they were signed under, they are signed anew here.
CREATE TABLE audit_checkpoint_signatures (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    key text NOT NULL,
    signature text NOT NULL,
    CONSTRAINT audit_checkpoint_signatures_pkey PRIMARY KEY (tenant_id, seq, key)
);
COMMENT ON TABLE audit_checkpoint_signatures IS 'Signatures of checkpoints under later keys than the one that they were written under.';
COMMENT ON COLUMN audit_checkpoint_signatures.key IS 'The name of that key, from which the key does not follow.';
COMMENT ON COLUMN audit_checkpoint_signatures.signature IS 'As in audit_checkpoints.';

CREATE TRIGGER audit_checkpoint_signatures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
ALTER TABLE audit_checkpoint_signatures ENABLE ALWAYS TRIGGER audit_checkpoint_signatures_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_checkpoint_signatures FROM PUBLIC, CURRENT_USER;
