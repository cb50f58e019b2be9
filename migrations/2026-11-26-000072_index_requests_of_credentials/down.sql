DROP INDEX requests_unauthenticated;
DROP INDEX requests_of_credential;
