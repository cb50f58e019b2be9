ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_from_one;
ALTER TABLE audit_seals ADD CONSTRAINT audit_seals_from_one CHECK (seq > 0) NOT VALID;
