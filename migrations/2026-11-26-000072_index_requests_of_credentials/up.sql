-- What one credential was used for, kind by kind: what the live test of a new connection looks for.
CREATE INDEX requests_of_credential ON requests (tenant_id, actor_id, operation, resource_type, id);
