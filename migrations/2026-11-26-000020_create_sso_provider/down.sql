COMMENT ON COLUMN administrators.password_hash IS 'argon2id.';
-- No password has this hash.
UPDATE administrators SET password_hash = '' WHERE password_hash IS NULL;
ALTER TABLE administrators ALTER COLUMN password_hash SET NOT NULL;
DROP TABLE used_sso_states;
DROP TABLE administrator_identities;
DROP TABLE sso_provider;
