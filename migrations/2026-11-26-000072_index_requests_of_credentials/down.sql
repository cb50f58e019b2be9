DROP INDEX requests_of_credential;
