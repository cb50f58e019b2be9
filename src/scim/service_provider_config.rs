//! What this service provider supports (RFC 7643 section 5, RFC 9865 section 4). Numbers are sent also for what is off, because strict clients
//! otherwise fall back to the least. `interopProfileConformant` of the Interoperability Profile is left out for the same clients: they
//! refuse the whole answer for one attribute that RFC 7643 does not have, and absent says what `false` would. The profile cannot be
//! claimed, because it refuses attributes of no schema and PATCH without a path, and Okta and Entra send both.

use serde_json::{Value, json};

use super::{limits, urn};

/// The representation of `/ServiceProviderConfig`; `changes_passwords` says whether the caller's tenant keeps passwords.
#[must_use]
pub fn to_json(base_url: &str, changes_passwords: bool) -> Value {
    json!({
        "schemas": [urn::SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": limits::BULK_OPERATIONS,
            "maxPayloadSize": limits::BODY_BYTES,
        },
        "filter": {"supported": true, "maxResults": limits::MAX_PAGE_SIZE},
        "changePassword": {"supported": changes_passwords},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits::DEFAULT_PAGE_SIZE,
            "maxPageSize": limits::MAX_PAGE_SIZE,
            "cursorTimeout": limits::CURSOR_SECONDS,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A header token sent as 'Authorization: Bearer TOKEN'; clients that cannot add 'Bearer' send the token alone.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }, {
            "type": "oauth2",
            "name": "OAuth 2.0",
            "description": "An access token of this server's authorization server, sent as 'Authorization: Bearer TOKEN'; authorization code \
                with refresh token, or client credentials.",
            "specUri": "https://www.rfc-editor.org/info/rfc6749",
            "primary": false,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig"),
        },
    })
}
