ALTER TABLE tenants
    DROP COLUMN suspended_at,
    DROP COLUMN delete_after,
    DROP COLUMN deleted_at;
