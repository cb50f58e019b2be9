DROP TABLE header_tokens;
