DROP TABLE user_counts;
DROP TABLE request_counts;
DROP INDEX requests_with_bodies, requests_request_id, requests_resource_type, requests_resource_name, requests_resource_id, requests_actor_id, requests_operation,
    requests_slow, requests_failures;
ALTER TABLE requests
    DROP COLUMN response_headers,
    DROP COLUMN request_headers,
    ALTER COLUMN resource_name TYPE text;
COMMENT ON COLUMN requests.path IS 'Below the base URL, without the query.';
COMMENT ON COLUMN requests.operation IS 'What was asked for: create, replace, modify, delete, retrieve, query, bulk, discovery or other.';
COMMENT ON COLUMN requests.detail IS NULL;
