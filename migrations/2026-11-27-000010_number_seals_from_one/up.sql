-- A seal with another number lies where no verification comes by. Those that are there already are not looked at here, so that the
-- lock on the table is short.
ALTER TABLE audit_seals ADD CONSTRAINT audit_seals_from_one CHECK (seq > 0) NOT VALID;
