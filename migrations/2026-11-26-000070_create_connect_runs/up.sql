-- Walks through the wizard that connects an identity provider: what was chosen and made, so that it can be gone on with later.
CREATE TABLE connect_runs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    provider text NOT NULL,
    method text NOT NULL,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,
    version integer NOT NULL,
    credential_id text,
    made_at timestamptz,
    self_test json,
    CONSTRAINT connect_runs_pkey PRIMARY KEY (tenant_id, id)
);
COMMENT ON TABLE connect_runs IS 'One row for each identity provider that somebody began to connect; the credential itself is a header token or an OAuth client.';
COMMENT ON COLUMN connect_runs.id IS 'UUIDv7 of the form by which it was started, so that a form sent twice starts one.';
COMMENT ON COLUMN connect_runs.provider IS 'okta, entra or other.';
COMMENT ON COLUMN connect_runs.method IS 'header_token, authorization_code or client_credentials.';
COMMENT ON COLUMN connect_runs.started_by IS 'The e-mail address of whoever started it.';
COMMENT ON COLUMN connect_runs.version IS 'Counts the credentials and secrets made here: a form made before the last of them makes none.';
COMMENT ON COLUMN connect_runs.credential_id IS 'The id of the header token or OAuth client that was made here.';
COMMENT ON COLUMN connect_runs.made_at IS 'When the secret was made that is in use; the live test looks at what came after.';
COMMENT ON COLUMN connect_runs.self_test IS 'What the server found when it last called itself.';
