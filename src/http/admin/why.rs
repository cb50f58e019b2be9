//! Why a request went wrong, in plain words: a table of mistakes that people make, with the cause, what to do about it, and what Okta
//! does next.

use crate::store::RequestRow;

/// What there is to say of a request that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Why {
    /// What is wrong.
    pub cause: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// What Okta does next.
    pub then: &'static str,
}

/// How a mistake is known, its cause and its remedy.
type Mistake = (fn(&RequestRow) -> bool, &'static str, &'static str);

/// The first that fits counts, so the more special stand first.
const MISTAKES: &[Mistake] = &[
    // The base URL.
    (
        |row| is_astray(row) && path_has(row, "/v1"),
        "The base URL is that of SCIM 1.1.",
        "Choose SCIM 2.0 in the identity provider, and enter the base URL that ends with /scim/v2.",
    ),
    (
        |row| is_astray(row),
        "The base URL lacks /scim/v2.",
        "Copy the base URL from 'Connect a directory' and enter all of it.",
    ),
    (
        |row| row.status == 404 && has_twice(row),
        "The base URL ends with the name of an endpoint, which the identity provider adds itself.",
        "Enter the base URL up to /scim/v2, without /Users or /Groups behind it.",
    ),
    (
        |row| row.status == 404 && row.path.contains("scim/v2"),
        "The base URL holds /scim/v2 twice.",
        "Enter the base URL as 'Connect a directory' shows it, once.",
    ),
    (
        |row| row.status == 405 && row.method == "POST" && row.resource_id.is_some(),
        "A POST went to a single resource, which takes PUT, PATCH and DELETE.",
        "Look at the base URL: it must end with /scim/v2.",
    ),
    // The credential.
    (
        |row| refused_as(row, "no credential") && header_has(row, "x-forwarded-proto: http\n"),
        "The request came over http, and the redirect to https lost its Authorization header.",
        "Enter the base URL with https.",
    ),
    (
        |row| refused_as(row, "no credential"),
        "The request has no Authorization header.",
        "In Okta choose 'HTTP Header' and paste the token. Where it is set already, a proxy on the way takes the header off: let it pass Authorization on.",
    ),
    (
        |row| refused_as(row, "the word Bearer twice"),
        "The word Bearer stands in front of the token twice.",
        "Paste the token alone. The identity provider adds the word Bearer itself.",
    ),
    (
        |row| refused_as(row, "quotes around the token"),
        "The token was pasted with quotes or brackets around it.",
        "Paste the token again, from pvr_t_ to its last letter and nothing else.",
    ),
    (
        |row| refused_as(row, "a part of a token"),
        "The end of the token is missing.",
        "Copy the token with the button beside it. Where it is no longer shown, rotate it and paste the new one.",
    ),
    (
        |row| refused_as(row, "a client secret in place of a token"),
        "The secret of an OAuth client was pasted where a token belongs.",
        "Choose OAuth 2 in the identity provider, or create a header token and paste that.",
    ),
    (
        |row| refused_as(row, "access token without the scheme"),
        "An access token was sent without the word Bearer.",
        "Choose OAuth 2 in place of 'HTTP Header', or put the word Bearer in front.",
    ),
    (
        |row| refused_as(row, "unsupported scheme"),
        "The identity provider signs in with a name and a password, or by another method that is not taken here.",
        "Choose 'HTTP Header' or OAuth 2 as the authentication mode.",
    ),
    (
        |row| refused_as(row, "expired token"),
        "The header token has expired.",
        "Create or rotate a token, and paste the new one into the identity provider.",
    ),
    (
        |row| refused_as(row, "revoked token"),
        "The header token was revoked.",
        "Create a token, and paste it into the identity provider. The audit log says who revoked the old one.",
    ),
    (
        |row| refused_as(row, "unknown token"),
        "No header token with this text is known here: it was mistyped, or belongs to another server.",
        "Compare the letters behind pvr_t_ with those on the page 'Header tokens', and paste the token again.",
    ),
    (
        |row| refused_as(row, "the token's user is deleted or inactive"),
        "The user whom the token stands for has left.",
        "Create a token that stands for nobody, and paste it into the identity provider.",
    ),
    (
        |row| refused_as(row, "several credentials"),
        "There are two Authorization headers: a proxy adds one of its own.",
        "Let the proxy pass the header on as it is.",
    ),
    (
        |row| {
            is_unauthenticated(row)
                && (detail_has(row, "tenant") || detail_has(row, "audience") || detail_has(row, "issuer"))
        },
        "The access token was issued for another server or another tenant.",
        "Enter the authorize and token URLs of this server, and authenticate again in the identity provider.",
    ),
    (
        |row| is_unauthenticated(row) && detail_has(row, "expired"),
        "The access token has expired, and the identity provider did not fetch another one.",
        "Authenticate again in the identity provider. If it happens soon after, compare the clocks of both servers.",
    ),
    (
        |row| {
            is_unauthenticated(row)
                && (detail_has(row, "revoked") || detail_has(row, "disabled") || detail_has(row, "gone"))
        },
        "What the access token rests on was revoked: its grant, its client or its signing key.",
        "Look at the client under 'OAuth clients', then authenticate again in the identity provider.",
    ),
    (
        |row| is_unauthenticated(row),
        "The credential is none of this server's.",
        "Paste the header token again, or authenticate again in the identity provider.",
    ),
    (
        |row| row.status == 403 && detail_has(row, "lacks the scope"),
        "The credential may not do this: it lacks a scope.",
        "Create a token with the scope scim.write, or let the OAuth client ask for it, and connect again.",
    ),
    (
        |row| row.status == 400 && detail_has(row, "nowhere else"),
        "There is a token in the URL beside the one in the header.",
        "Take the token out of the base URL. Treat it as leaked: URLs end up in logs.",
    ),
    (
        |row| row.status == 403,
        "Discovery endpoints take no filter.",
        "Nothing needs to be done: the client can read the whole list.",
    ),
    // What was sent.
    (
        |row| is_type(row, "uniqueness"),
        "Somebody or something else here has this name already.",
        "Search for the name under 'Users' or 'Groups'. In Okta, import users and match this one, or change the username that the app maps.",
    ),
    (
        |row| body_has(row, "urn:scim:schemas:core:1.0"),
        "The body is SCIM 1.1.",
        "Choose SCIM 2.0 in the identity provider.",
    ),
    (
        |row| row.status == 415,
        "The body is not declared as JSON.",
        "Let the client send the content type application/scim+json.",
    ),
    (
        |row| row.status == 413,
        "The body is larger than the server takes.",
        "Let the client send fewer members or operations at a time. Large groups may come in several PATCH requests.",
    ),
    (
        |row| row.status == 408,
        "The body did not arrive in time.",
        "Look at the network between the client and this server. The client may send the request again.",
    ),
    (
        |row| is_type(row, "invalidFilter"),
        "The filter cannot be read, or names an attribute that no schema here knows.",
        "Compare the attribute with those under 'Schemas'. In Okta the unique identifier field must be userName.",
    ),
    (
        |row| is_type(row, "tooMany"),
        "The search would touch more than the server is willing to.",
        "Let the client ask for less: a filter on userName, or pages.",
    ),
    (
        |row| is_type(row, "noTarget") || is_type(row, "invalidPath"),
        "The change names an attribute, or a value of one, that the resource does not have.",
        "Look at the attribute mapping in the identity provider, and compare it with 'Schemas'.",
    ),
    (
        |row| is_type(row, "mutability"),
        "The change concerns an attribute that may not be changed.",
        "Take the attribute out of the mapping in the identity provider.",
    ),
    (
        |row| is_type(row, "invalidValue") && row.resource_type.as_deref() == Some("Group"),
        "A value in the group is not acceptable; most often a member that does not exist here.",
        "Assign the members to the application first, so that they are created, then push the group again.",
    ),
    (
        |row| is_type(row, "invalidValue"),
        "A value is missing or does not fit its attribute.",
        "The answer names the attribute. Correct it at the person's profile or in the attribute mapping.",
    ),
    (
        |row| matches!(row.scim_type.as_deref(), Some("invalidCursor" | "expiredCursor" | "invalidCount")),
        "The client took too long between two pages of a list, or changed its question on the way.",
        "Start the import again.",
    ),
    (
        |row| is_type(row, "invalidSyntax"),
        "The body is not a SCIM message: not JSON, or not built as its schema says.",
        "The answer says where. If a proxy rewrites bodies, let it pass them on as they are.",
    ),
    (
        |row| row.status == 412,
        "The resource was changed since the client last read it.",
        "Nothing needs to be done: the client reads it again and repeats its change.",
    ),
    (
        |row| row.status == 404 && row.resource_id.is_some() && row.method == "DELETE",
        "What was to be deleted is not there: most often it was deleted already.",
        "Nothing needs to be done.",
    ),
    (
        |row| row.status == 404 && row.resource_id.is_some() && row.resource_type.as_deref() == Some("Group"),
        "There is no group with this id, or not any more.",
        "If it was deleted here, unlink it in the identity provider and push it again: it is then created anew.",
    ),
    (
        |row| row.status == 404 && row.resource_id.is_some(),
        "There is nothing with this id, or not any more.",
        "If it was deleted here, unassign it in the identity provider and assign it again: it is then created anew.",
    ),
    (
        |row| row.status == 404,
        "There is no such endpoint.",
        "Compare the base URL with 'Connect a directory'. Resource types of your own are listed under 'Schemas'.",
    ),
    (
        |row| row.status == 405,
        "The endpoint does not take this method.",
        "Compare the base URL with 'Connect a directory'.",
    ),
    (
        |row| row.status == 501,
        "The client asked for a part of SCIM that is not served to this credential.",
        "For /Me the token must stand for a user.",
    ),
    (
        |row| row.status == 503,
        "The server was busy, or could not reach its database in time.",
        "Nothing needs to be done if it stays with a few. Otherwise look at the health on the overview.",
    ),
    (
        |row| row.status >= 500,
        "The fault is on this side.",
        "The log of the server says more under the id of the request.",
    ),
];

/// What Okta does after an answer, by its status.
const THEN: &[(i16, &str)] = &[
    (401, "Okta does not try again by itself: it shows that it must be authenticated again."),
    (408, "Okta may send the request again; each request may safely be repeated."),
    (429, "Okta pauses for as long as the answer says, at most ten times."),
    (499, "Okta does not try again by itself: the task is under Dashboard › Tasks, where you press 'Retry selected'."),
    (599, "Okta may send the request again; each request may safely be repeated."),
];

/// Why a request went wrong; `None` for one that did not, and where nothing is known of it.
pub(super) fn why(row: &RequestRow) -> Option<Why> {
    if row.outcome == "ok" {
        return None;
    }
    let (_, cause, fix) = MISTAKES.iter().find(|(applies, ..)| applies(row))?;
    let reads = matches!(row.method.as_str(), "GET" | "HEAD") && row.outcome == "refused";
    let fits = |(up_to, _): &&(i16, &str)| row.status == *up_to || *up_to >= 499 && row.status <= *up_to;
    let then = if reads {
        "Okta shows the error, and asks again at the next test or import."
    } else {
        THEN.iter().find(fits).map_or("", |(_, then)| then)
    };
    Some(Why { cause, fix, then })
}

fn is_astray(row: &RequestRow) -> bool {
    row.status == 404 && detail_has(row, "SCIM is served below")
}

fn is_unauthenticated(row: &RequestRow) -> bool {
    row.outcome == "unauthenticated"
}

fn refused_as(row: &RequestRow, reason: &str) -> bool {
    is_unauthenticated(row) && row.detail.as_deref() == Some(reason)
}

fn is_type(row: &RequestRow, scim_type: &str) -> bool {
    row.scim_type.as_deref() == Some(scim_type)
}

fn detail_has(row: &RequestRow, text: &str) -> bool {
    row.detail.as_ref().is_some_and(|detail| detail.contains(text))
}

fn body_has(row: &RequestRow, text: &str) -> bool {
    row.request_body.as_ref().is_some_and(|body| body.contains(text))
}

fn header_has(row: &RequestRow, line: &str) -> bool {
    row.request_headers.as_ref().is_some_and(|headers| format!("{headers}\n").contains(line))
}

fn path_has(row: &RequestRow, segment: &str) -> bool {
    format!("{}/", row.path).contains(&format!("{segment}/"))
}

/// Whether the path names two endpoints, such as `/Users/Users` or `/Users/Groups`.
fn has_twice(row: &RequestRow) -> bool {
    const ENDPOINTS: [&str; 6] =
        ["Users", "Groups", "ServiceProviderConfig", "ServiceProviderConfigs", "ResourceTypes", "Schemas"];
    row.path.split('/').filter(|segment| ENDPOINTS.contains(segment)).count() > 1
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use uuid::Uuid;

    use super::*;

    fn row(status: i16, detail: &str) -> RequestRow {
        RequestRow {
            tenant_id: Uuid::nil(),
            id: Uuid::nil(),
            at: Utc::now(),
            request_id: String::new(),
            method: "POST".into(),
            path: "/Users".into(),
            query: None,
            operation: "create".into(),
            outcome: match status {
                401 => "unauthenticated",
                400..=499 => "refused",
                500.. => "failed",
                _ => "ok",
            }
            .into(),
            status,
            scim_type: None,
            detail: Some(detail.into()),
            resource_type: None,
            resource_id: None,
            resource_name: None,
            actor_kind: String::new(),
            actor_id: String::new(),
            actor_name: String::new(),
            address: None,
            user_agent: None,
            microseconds: 0,
            request_body: None,
            response_body: None,
            request_headers: None,
            response_headers: None,
        }
    }

    fn cause(row: &RequestRow) -> &'static str {
        why(row).map_or("", |why| why.cause)
    }

    #[test]
    fn known_mistakes_are_told_apart() {
        for (detail, expected) in [
            ("no credential", "no Authorization header"),
            ("the word Bearer twice", "twice"),
            ("quotes around the token", "quotes"),
            ("expired token", "header token has expired"),
            ("revoked token", "was revoked"),
            ("unknown token", "No header token"),
            ("the token's tenant is not its client's", "another tenant"),
            ("the token's grant is revoked", "was revoked"),
            ("something new", "none of this server's"),
        ] {
            assert!(cause(&row(401, detail)).contains(expected), "{detail}: {}", cause(&row(401, detail)));
        }
        let nowhere = "there is nothing at this path; SCIM is served below /scim/v2";
        assert!(cause(&row(404, nowhere)).contains("lacks /scim/v2"));
        assert!(cause(&RequestRow { path: "/scim/v1/Users".into(), ..row(404, nowhere) }).contains("1.1"));
        assert!(cause(&RequestRow { path: "/Users/Users".into(), ..row(404, "") }).contains("endpoint"));
        let over_http =
            RequestRow { request_headers: Some("x-forwarded-proto: http".into()), ..row(401, "no credential") };
        assert!(cause(&over_http).contains("http"));
        let gone = |method: &str, resource_type: &str| RequestRow {
            method: method.into(),
            resource_type: Some(resource_type.into()),
            resource_id: Some("1".into()),
            ..row(404, "")
        };
        let fix = |row: &RequestRow| why(row).map_or("", |why| why.fix);
        assert!(
            cause(&gone("DELETE", "User")).contains("already") && fix(&gone("DELETE", "Group")).contains("Nothing")
        );
        assert!(fix(&gone("PATCH", "Group")).contains("push it again"), "{}", fix(&gone("PATCH", "Group")));
        assert!(fix(&gone("PUT", "User")).contains("assign it again"), "{}", fix(&gone("PUT", "User")));
        let taken = RequestRow { scim_type: Some("uniqueness".into()), ..row(409, "taken") };
        assert!(cause(&taken).contains("name already"));
    }

    #[test]
    fn each_error_has_a_cause_a_fix_and_what_comes_next_and_success_has_none() {
        for status in [400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 500, 501, 503] {
            let Some(why) =
                why(&RequestRow { scim_type: (status == 400).then(|| "invalidValue".into()), ..row(status, "x") })
            else {
                assert_eq!(status, 409, "{status}");
                continue;
            };
            assert!(!why.cause.is_empty() && !why.fix.is_empty() && why.then.starts_with("Okta"), "{status}");
        }
        assert_eq!(why(&row(200, "")), None);
    }
}
