-- A form that makes a secret makes one, also when it is sent twice.
CREATE TABLE submitted_forms (
    id uuid NOT NULL,
    submitted_at timestamptz NOT NULL,
    CONSTRAINT submitted_forms_pkey PRIMARY KEY (id)
);
CREATE INDEX submitted_forms_submitted_at ON submitted_forms (submitted_at);
COMMENT ON TABLE submitted_forms IS 'Forms that made something that is shown once. A row is inserted in the transaction that makes it, and kept for as long as a session lasts.';
