ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_from_one;
