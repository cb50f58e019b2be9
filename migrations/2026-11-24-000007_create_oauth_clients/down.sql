DROP TABLE used_assertions;
DROP TABLE client_secrets;
DROP TABLE oauth_clients;
