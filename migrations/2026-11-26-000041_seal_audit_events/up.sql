-- The audit log proves itself: each entry becomes a link of its tenant's hash chain soon after it is committed, and neither can be changed.
CREATE TABLE audit_unsealed (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT audit_unsealed_pkey PRIMARY KEY (tenant_id, event_id)
);
COMMENT ON TABLE audit_unsealed IS 'Entries that wait for their seal. A row comes with its entry, in the same transaction, and leaves with the seal; so nothing is passed over, however late it is committed.';

CREATE TABLE audit_seals (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_seals_pkey PRIMARY KEY (tenant_id, seq),
    CONSTRAINT audit_seals_event UNIQUE (tenant_id, event_id)
);
COMMENT ON TABLE audit_seals IS 'The hash chain of each tenant, numbered from 1 without gaps.';
COMMENT ON COLUMN audit_seals.hash IS 'SHA-256 of the hash before, 32 zero bytes at first, and of the entry in canonical form.';

CREATE TABLE audit_checkpoints (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    at timestamptz NOT NULL,
    signature text NOT NULL,
    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (tenant_id, seq)
);
COMMENT ON TABLE audit_checkpoints IS 'Heads of chains, signed under a key that is not in the database: whoever rewrites a chain cannot sign it.';
COMMENT ON COLUMN audit_checkpoints.signature IS 'HMAC-SHA-256 in base64url over tenant, seq, hash and time.';

CREATE TABLE audit_chains (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    checked_seq bigint NOT NULL,
    checked_hash bytea NOT NULL,
    checked_at timestamptz NOT NULL,
    complete_at timestamptz NOT NULL,
    asked_at timestamptz,
    scanned_at timestamptz,
    scanned_seq bigint NOT NULL,
    breaks integer NOT NULL,
    broken_seq bigint,
    broken_event uuid,
    broken_how text,
    CONSTRAINT audit_chains_pkey PRIMARY KEY (tenant_id)
);
COMMENT ON TABLE audit_chains IS 'The head of each chain, and how far it has been verified.';
COMMENT ON COLUMN audit_chains.checked_seq IS 'What was sealed is read again a moment later; up to here it was as sealed.';
COMMENT ON COLUMN audit_chains.complete_at IS 'When the whole chain was last verified; at first, when it began.';
COMMENT ON COLUMN audit_chains.asked_at IS 'Since when somebody waits for the whole chain to be verified.';
COMMENT ON COLUMN audit_chains.scanned_at IS 'When the server that verifies the whole chain last said so.';
COMMENT ON COLUMN audit_chains.scanned_seq IS 'How far that server is.';
COMMENT ON COLUMN audit_chains.breaks IS 'How many breaks the last verification found; the others tell of the first.';

CREATE FUNCTION audit_events_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (tenant_id, event_id) VALUES (NEW.tenant_id, NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_events_wait AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_wait();

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_append_only;
ALTER TABLE audit_seals ENABLE ALWAYS TRIGGER audit_seals_append_only;
ALTER TABLE audit_checkpoints ENABLE ALWAYS TRIGGER audit_checkpoints_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_events, audit_seals, audit_checkpoints FROM PUBLIC, CURRENT_USER;

INSERT INTO audit_unsealed (tenant_id, event_id) SELECT tenant_id, id FROM audit_events;
