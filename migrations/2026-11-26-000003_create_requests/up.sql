-- The provisioning log: what identity providers asked for, and what they were answered.
CREATE TABLE requests (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    request_id text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text,
    operation text NOT NULL,
    outcome text NOT NULL,
    status smallint NOT NULL,
    scim_type text,
    detail text,
    resource_type text,
    resource_id text,
    resource_name text,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    address text,
    user_agent text,
    microseconds bigint NOT NULL,
    request_body text,
    response_body text,
    CONSTRAINT requests_pkey PRIMARY KEY (tenant_id, id)
);
COMMENT ON TABLE requests IS 'One row for each SCIM request, written behind the answer; a row may be lost under load, unlike the audit log. The nil tenant holds the requests of unknown callers.';
COMMENT ON COLUMN requests.id IS 'UUIDv7 of the time of arrival, so that the key is in the order of the log.';
COMMENT ON COLUMN requests.path IS 'Below the base URL, without the query.';
COMMENT ON COLUMN requests.operation IS 'What was asked for: create, replace, modify, delete, retrieve, query, bulk, discovery or other.';
COMMENT ON COLUMN requests.outcome IS 'ok, refused, unauthenticated or failed.';
COMMENT ON COLUMN requests.resource_name IS 'userName or displayName, as far as the request or the answer has it.';
COMMENT ON COLUMN requests.request_body IS 'What was sent, without passwords and cut off at a limit.';
COMMENT ON COLUMN requests.response_body IS 'What was answered, the same.';
