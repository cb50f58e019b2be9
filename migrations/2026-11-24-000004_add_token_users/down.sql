ALTER TABLE header_tokens DROP COLUMN user_id;
