//! Why a call of an identity provider failed, in plain words, and what to do at the provider.

use crate::id::TenantId;
use crate::store::RequestRow;

/// A mistake: how it is told by what is logged of a request, its cause, and its fix.
struct Mistake(fn(&RequestRow) -> bool, &'static str, &'static str);

/// The more special first.
const MISTAKES: &[Mistake] = &[
    Mistake(
        |row| row.status == 401 && says(row, "revoked"),
        "The token was revoked.",
        "Make a new credential here, and put it in the place of the old one at the provider.",
    ),
    Mistake(
        |row| row.status == 401 && says(row, "expired"),
        "The token has expired.",
        "Rotate the credential here, and paste the new one at the provider.",
    ),
    Mistake(
        |row| row.status == 401 && says(row, "no credential"),
        "There was no Authorization header.",
        "In Okta choose the Authentication Mode HTTP Header and paste the token. If it is there already, a proxy in front of this \
         server drops the header.",
    ),
    Mistake(
        |row| row.status == 401 && says(row, "unsupported scheme"),
        "The Authorization header holds something other than a bearer token, such as a user name and password.",
        "Choose HTTP Header, not Basic Auth, and paste the token alone.",
    ),
    Mistake(
        |row| row.status == 401 && says(row, "malformed token"),
        "The token is not one of this server: cut off, in quotes, or with the word Bearer twice.",
        "Copy the token again, from pvr_t_ to its end, and paste it without quotes and without Bearer.",
    ),
    Mistake(
        |row| row.status == 401 && says(row, "unknown token"),
        "This server does not know the token: it belongs to another server, or to a database that was replaced.",
        "Make a new credential here, and paste it at the provider.",
    ),
    Mistake(
        |row| row.status == 401,
        "The Authorization header held no token that is valid here.",
        "Copy the token again, from its beginning to its end, and paste it without quotes and without Bearer.",
    ),
    Mistake(
        |row| row.status == 403,
        "The credential may not do this: it lacks a scope.",
        "Make a credential that may read and write.",
    ),
    Mistake(
        |row| {
            row.status == 404
                && ["/Users/Users", "/Groups/Users", "/Users/Groups", "/v2/"].iter().any(|part| row.path.contains(part))
        },
        "The base URL at the provider has too much at its end.",
        "Copy the base URL again; nothing stands behind /scim/v2.",
    ),
    Mistake(
        |row| row.status == 404 && row.tenant_id == TenantId::NONE.0,
        "The base URL at the provider leads past the SCIM endpoints of this server.",
        "Copy the base URL again; it ends with /scim/v2.",
    ),
    Mistake(
        |row| row.status == 404,
        "There is no such user, group or path here.",
        "If the provider remembers somebody who was deleted here, unassign and assign that person again. Otherwise compare the base URL.",
    ),
    Mistake(
        |row| row.status == 409,
        "Somebody or some group of this name exists already.",
        "Let the provider link the existing account: in Okta, unassign and assign again, or import first.",
    ),
    Mistake(
        |row| row.scim_type.as_deref() == Some("invalidFilter"),
        "The provider asks for users by an attribute that is not known here.",
        "Set the unique identifier field to userName.",
    ),
    Mistake(|row| row.status == 413, "The request was larger than this server takes.", "Push large groups in parts."),
    Mistake(
        |row| row.status == 429 || row.status == 503,
        "The server was busy.",
        "The provider tries again by itself. If it happens often, give the server more database connections.",
    ),
    Mistake(|row| row.status >= 500, "The server failed.", "Look for the request id in the log of the server."),
    Mistake(
        |row| row.status >= 400,
        "The provider sent something that this server does not take.",
        "The details say which attribute; change its mapping at the provider.",
    ),
];

/// The cause of a failure, and what to do.
pub(super) fn why(row: &RequestRow) -> (&'static str, &'static str) {
    let found = MISTAKES.iter().find(|Mistake(fits, ..)| fits(row));
    found.map_or_else(Default::default, |Mistake(_, cause, fix)| (*cause, *fix))
}

fn says(row: &RequestRow, word: &str) -> bool {
    row.detail.as_deref().is_some_and(|detail| detail.contains(word))
}
