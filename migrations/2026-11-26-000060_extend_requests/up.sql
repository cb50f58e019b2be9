-- The provisioning log is filtered and searched, what is in it is counted by the hour, and the users of each tenant are counted now and then.
ALTER TABLE requests
    ADD COLUMN request_headers text,
    ADD COLUMN response_headers text,
    ALTER COLUMN resource_name TYPE text COLLATE "C";
COMMENT ON COLUMN requests.request_headers IS 'Some of the headers, one on each line. None of them holds a credential.';
COMMENT ON COLUMN requests.response_headers IS 'The same of the answer.';
COMMENT ON COLUMN requests.path IS 'Below the base URL, without the query; outside of it, whole.';
COMMENT ON COLUMN requests.operation IS 'What was asked for: create, replace, modify, deactivate, delete, retrieve, query, bulk, discovery or other.';
COMMENT ON COLUMN requests.detail IS 'Why it was not done. Of a credential that was refused, what its holder was not told.';
CREATE INDEX requests_failures ON requests (tenant_id, id) WHERE outcome <> 'ok';
CREATE INDEX requests_slow ON requests (tenant_id, id) WHERE microseconds > 500000;
CREATE INDEX requests_operation ON requests (tenant_id, operation, id);
CREATE INDEX requests_actor_id ON requests (tenant_id, actor_id, id);
CREATE INDEX requests_resource_id ON requests (tenant_id, resource_id, id) WHERE resource_id IS NOT NULL;
CREATE INDEX requests_resource_name ON requests (tenant_id, lower(resource_name), id);
CREATE INDEX requests_resource_type ON requests (tenant_id, resource_type, id);
CREATE INDEX requests_request_id ON requests (tenant_id, request_id);
CREATE INDEX requests_with_bodies ON requests (tenant_id, id) WHERE request_body IS NOT NULL OR response_body IS NOT NULL;

CREATE TABLE request_counts (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    actor_id text NOT NULL,
    operation text NOT NULL,
    outcome text NOT NULL,
    requests bigint NOT NULL,
    microseconds bigint NOT NULL,
    CONSTRAINT request_counts_pkey PRIMARY KEY (tenant_id, hour, actor_id, operation, outcome)
);
COMMENT ON TABLE request_counts IS 'How many requests there were in each hour, those included that are missing in the log. Written with the log.';
COMMENT ON COLUMN request_counts.actor_id IS 'The credential.';
COMMENT ON COLUMN request_counts.microseconds IS 'What all of them took together.';

CREATE TABLE user_counts (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    users bigint NOT NULL,
    active bigint NOT NULL,
    CONSTRAINT user_counts_pkey PRIMARY KEY (tenant_id, hour)
);
COMMENT ON TABLE user_counts IS 'How many users there were in each hour. Counting them takes too long for a page.';
COMMENT ON COLUMN user_counts.active IS 'Those whose attribute active is true.';
