CREATE INDEX oauth_grants_client_id ON oauth_grants (client_id);
DROP INDEX oauth_grants_client;
