-- What was changed and what was refused, by whom.
CREATE TABLE audit_events (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    action text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    target_type text NOT NULL,
    target_id text NOT NULL,
    before json,
    after json,
    detail text,
    request_id text NOT NULL,
    address text,
    CONSTRAINT audit_events_pkey PRIMARY KEY (tenant_id, id)
);
COMMENT ON TABLE audit_events IS 'A change is written in the transaction of the change. A refusal is written afterwards; the nil tenant holds those of unknown callers.';
COMMENT ON COLUMN audit_events.before IS 'The attributes that the change touched, as they were.';
COMMENT ON COLUMN audit_events.after IS 'The same attributes as they are now.';
