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
        suspended_at -> Nullable<Timestamptz>,
        delete_after -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
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
        created_by -> Text,
        allowed_networks -> Array<Text>,
        calls -> BigInt,
        rotated_at -> Nullable<Timestamptz>,
        calls_at_rotation -> BigInt,
    }
}

diesel::table! {
    header_token_callers (token_id, address) {
        token_id -> Text,
        address -> Text,
        first_at -> Timestamptz,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    submitted_forms (id) {
        id -> Uuid,
        submitted_at -> Timestamptz,
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

diesel::table! {
    audit_unsealed (tenant_id, event_id) {
        tenant_id -> Uuid,
        event_id -> Uuid,
    }
}

diesel::table! {
    audit_seals (tenant_id, seq) {
        tenant_id -> Uuid,
        seq -> BigInt,
        event_id -> Uuid,
        hash -> Bytea,
    }
}

diesel::table! {
    audit_checkpoints (tenant_id, seq) {
        tenant_id -> Uuid,
        seq -> BigInt,
        hash -> Bytea,
        at -> Timestamptz,
        signature -> Text,
    }
}

diesel::table! {
    audit_checkpoint_signatures (tenant_id, seq, key) {
        tenant_id -> Uuid,
        seq -> BigInt,
        key -> Text,
        signature -> Text,
    }
}

diesel::table! {
    audit_chains (tenant_id) {
        tenant_id -> Uuid,
        seq -> BigInt,
        hash -> Bytea,
        checked_seq -> BigInt,
        checked_hash -> Bytea,
        checked_at -> Timestamptz,
        complete_at -> Timestamptz,
        asked_at -> Nullable<Timestamptz>,
        scanned_at -> Nullable<Timestamptz>,
        scanned_seq -> BigInt,
        breaks -> Integer,
        broken_seq -> Nullable<BigInt>,
        broken_event -> Nullable<Uuid>,
        broken_how -> Nullable<Text>,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        public_key -> Bytea,
        sealed_private_key -> Bytea,
        key_version -> SmallInt,
        created_at -> Timestamptz,
        activated_at -> Nullable<Timestamptz>,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    administrators (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        email -> Text,
        folded_email -> Text,
        role -> Text,
        password_hash -> Nullable<Text>,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        last_sign_in_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (id_hash) {
        id_hash -> Bytea,
        administrator_id -> Uuid,
        created_at -> Timestamptz,
        seen_at -> Timestamptz,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        tenant_id -> Nullable<Uuid>,
        notice -> Nullable<Text>,
        second_factor -> Nullable<Text>,
        ends_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    totp_secrets (administrator_id) {
        administrator_id -> Uuid,
        sealed_secret -> Bytea,
        key_version -> SmallInt,
        created_at -> Timestamptz,
        last_step -> BigInt,
        codes_revision -> Integer,
    }
}

diesel::table! {
    recovery_codes (administrator_id, code_hash) {
        administrator_id -> Uuid,
        code_hash -> Bytea,
    }
}

diesel::table! {
    invitations (id) {
        id -> Text,
        tenant_id -> Uuid,
        code_hash -> Bytea,
        key_version -> SmallInt,
        email -> Text,
        folded_email -> Text,
        role -> Text,
        administrator_id -> Nullable<Uuid>,
        invited_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    setup_codes (code_hash) {
        code_hash -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    oauth_clients (id) {
        id -> Text,
        tenant_id -> Uuid,
        name -> Text,
        confidential -> Bool,
        grant_types -> Array<Text>,
        scopes -> Array<Text>,
        redirect_uris -> Array<Text>,
        pkce_required -> Bool,
        jwks -> Nullable<Json>,
        jwks_uri -> Nullable<Text>,
        access_token_seconds -> Integer,
        refresh_idle_seconds -> BigInt,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        tokens_not_before -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    client_secrets (id) {
        id -> Text,
        client_id -> Text,
        secret_hash -> Bytea,
        key_version -> SmallInt,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    used_assertions (client_id, jti) {
        client_id -> Text,
        jti -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    oauth_grants (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        client_id -> Text,
        administrator_id -> Uuid,
        administrator_email -> Text,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    authorization_codes (id) {
        id -> Text,
        code_hash -> Bytea,
        key_version -> SmallInt,
        client_id -> Text,
        tenant_id -> Uuid,
        administrator_id -> Uuid,
        redirect_uri -> Text,
        scopes -> Array<Text>,
        code_challenge -> Nullable<Text>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        redeemed_at -> Nullable<Timestamptz>,
        grant_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> Text,
        tenant_id -> Uuid,
        grant_id -> Uuid,
        token_hash -> Bytea,
        key_version -> SmallInt,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        successor -> Nullable<Text>,
    }
}

diesel::table! {
    revoked_access_tokens (jti) {
        jti -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    throttles (subject) {
        subject -> Text,
        failures -> Integer,
        last_failed_at -> Timestamptz,
    }
}

diesel::table! {
    installation (id) {
        id -> Bool,
        request_days -> Integer,
        body_days -> Integer,
        requires_totp -> Bool,
        allows_passwords -> Bool,
    }
}

diesel::table! {
    sso_provider (id) {
        id -> Bool,
        enabled -> Bool,
        issuer -> Text,
        client_id -> Text,
        sealed_client_secret -> Bytea,
        key_version -> SmallInt,
        role_claim -> Nullable<Text>,
        roles -> Json,
        default_role -> Nullable<Text>,
        people_tenant_id -> Uuid,
        email_domains -> Array<Text>,
        assumes_verified_email -> Bool,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    administrator_identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        administrator_id -> Uuid,
        linked_at -> Timestamptz,
        last_sign_in_at -> Timestamptz,
    }
}

diesel::table! {
    used_sso_states (state) {
        state -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    requests (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        at -> Timestamptz,
        request_id -> Text,
        method -> Text,
        path -> Text,
        query -> Nullable<Text>,
        operation -> Text,
        outcome -> Text,
        status -> SmallInt,
        scim_type -> Nullable<Text>,
        detail -> Nullable<Text>,
        resource_type -> Nullable<Text>,
        resource_id -> Nullable<Text>,
        resource_name -> Nullable<Text>,
        actor_kind -> Text,
        actor_id -> Text,
        actor_name -> Text,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        microseconds -> BigInt,
        request_body -> Nullable<Text>,
        response_body -> Nullable<Text>,
        request_headers -> Nullable<Text>,
        response_headers -> Nullable<Text>,
    }
}

diesel::table! {
    request_counts (tenant_id, hour, actor_id, operation, outcome) {
        tenant_id -> Uuid,
        hour -> Timestamptz,
        actor_id -> Text,
        operation -> Text,
        outcome -> Text,
        requests -> BigInt,
        microseconds -> BigInt,
    }
}

diesel::table! {
    user_counts (tenant_id, hour) {
        tenant_id -> Uuid,
        hour -> Timestamptz,
        users -> BigInt,
        active -> BigInt,
    }
}

diesel::table! {
    connect_runs (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        provider -> Text,
        method -> Text,
        started_at -> Timestamptz,
        started_by -> Text,
        version -> Integer,
        credential_id -> Nullable<Text>,
        made_at -> Nullable<Timestamptz>,
        self_test -> Nullable<Json>,
        starter_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    setup_links (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        code_hash -> Bytea,
        email -> Text,
        label -> Text,
        created_at -> Timestamptz,
        created_by -> Text,
        expires_at -> Timestamptz,
        redeemed_at -> Nullable<Timestamptz>,
        redeemed_from -> Nullable<Text>,
        session_hash -> Nullable<Bytea>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(header_tokens -> tenants (tenant_id));
diesel::joinable!(sessions -> administrators (administrator_id));
diesel::joinable!(administrator_identities -> administrators (administrator_id));
diesel::allow_tables_to_appear_in_same_query!(header_tokens, tenants, resources);
diesel::allow_tables_to_appear_in_same_query!(header_tokens, header_token_callers);
diesel::allow_tables_to_appear_in_same_query!(sessions, administrators, totp_secrets, installation);
diesel::allow_tables_to_appear_in_same_query!(totp_secrets, recovery_codes);
diesel::allow_tables_to_appear_in_same_query!(administrator_identities, administrators);
diesel::allow_tables_to_appear_in_same_query!(oauth_clients, oauth_grants, tenants, revoked_access_tokens);
diesel::allow_tables_to_appear_in_same_query!(oauth_clients, client_secrets);
diesel::allow_tables_to_appear_in_same_query!(client_secrets, tenants);
diesel::allow_tables_to_appear_in_same_query!(refresh_tokens, oauth_grants);
diesel::allow_tables_to_appear_in_same_query!(
    audit_events,
    audit_seals,
    audit_unsealed,
    audit_chains,
    audit_checkpoints,
    audit_checkpoint_signatures
);
diesel::allow_tables_to_appear_in_same_query!(connect_runs, header_tokens, oauth_clients);
diesel::allow_tables_to_appear_in_same_query!(requests, tenants);
