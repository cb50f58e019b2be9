// The tables as the migrations make them; `tests/it/migrations.rs` selects every column.

diesel::table! {
    tenants (id) {
        id -> Uuid,
        name -> Text,
        stores_passwords -> Bool,
        created_at -> Timestamptz,
        unique_group_names -> Bool,
        schema_revision -> BigInt,
        definitions -> Nullable<Json>,
    }
}

diesel::table! {
    header_tokens (id) {
        id -> Text,
        tenant_id -> Uuid,
        name -> Text,
        secret_hash -> Bytea,
        key_version -> SmallInt,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        last_used_address -> Nullable<Text>,
        rotated_to -> Nullable<Text>,
        user_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    resources (tenant_id, resource_type, id) {
        tenant_id -> Uuid,
        resource_type -> Text,
        id -> Uuid,
        version -> BigInt,
        created_at -> Timestamptz,
        last_modified_at -> Timestamptz,
        unique_name -> Nullable<Text>,
        external_id -> Nullable<Text>,
        document -> Text,
        comparable -> Jsonb,
        password_hash -> Nullable<Text>,
    }
}

diesel::table! {
    resource_counts (tenant_id, resource_type, stripe) {
        tenant_id -> Uuid,
        resource_type -> Text,
        stripe -> SmallInt,
        resources -> BigInt,
    }
}

diesel::table! {
    memberships (tenant_id, group_id, member_id) {
        tenant_id -> Uuid,
        group_type -> Text,
        group_id -> Uuid,
        member_type -> Text,
        member_id -> Uuid,
        display -> Nullable<Text>,
        comparable_display -> Nullable<Text>,
    }
}

diesel::table! {
    audit_events (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        occurred_at -> Timestamptz,
        action -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        actor_name -> Text,
        target_type -> Text,
        target_id -> Text,
        before -> Nullable<Json>,
        after -> Nullable<Json>,
        detail -> Nullable<Text>,
        request_id -> Text,
        address -> Nullable<Text>,
    }
}

diesel::joinable!(header_tokens -> tenants (tenant_id));
diesel::allow_tables_to_appear_in_same_query!(header_tokens, tenants, resources);
