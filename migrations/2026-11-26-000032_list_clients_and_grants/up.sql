-- The grants of a client are shown a page at a time, the newest first.
CREATE INDEX oauth_grants_client ON oauth_grants (client_id, created_at, id);
DROP INDEX oauth_grants_client_id;
