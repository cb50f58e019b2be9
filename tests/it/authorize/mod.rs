//! The authorization endpoint and the consent: what is checked in which order, who may decide, and what comes of it.

mod consent;
mod requests;

use provisor::store::ClientRow;

use crate::support::browser::{Page, parameter};
use crate::support::people::{CALLBACK, PASSWORD, Somebody};
use crate::support::{Browser, database, shared};

/// The URL to which a client sends somebody, with these parameters changed; one without a value is left out.
fn authorize_url(client: &ClientRow, changes: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", CALLBACK),
        ("state", "Xy/Z="),
    ];
    for change in changes {
        parameters.retain(|(name, _)| *name != change.0);
        parameters.extend((!change.1.is_empty()).then_some(*change));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}/oauth/authorize?{query}", shared().url)
}

/// A browser in which this person is signed in.
fn browser_of(person: &Somebody) -> Browser {
    let mut browser = Browser::new(&shared().url);
    assert_eq!(browser.sign_in(&person.email, PASSWORD).heading(), "Overview");
    browser
}

/// Asserts that a page sends the browser back to the client with this error.
fn assert_sent_back(page: &Page, error: &str, state: Option<&str>) {
    assert_eq!(page.status, 303, "{error}: {}", page.text);
    let location = page.location().unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    assert_eq!(parameter(location, "error").as_deref(), Some(error), "{location}");
    assert_eq!(parameter(location, "state").as_deref(), state, "{location}");
    assert_eq!(parameter(location, "iss").as_deref(), Some(shared().url.as_str()), "{location}");
    assert_eq!(parameter(location, "code"), None);
    let description = parameter(location, "error_description").unwrap();
    assert!(!description.is_empty() && !description.contains(['"', '\\']), "{description}");
}

/// What was stored of the code in this URL, as the columns that say what it is bound to.
fn stored(location: &str) -> String {
    let code = parameter(location, "code").unwrap();
    let query = format!(
        "SELECT concat_ws(' ', client_id, tenant_id, administrator_id, redirect_uri, array_to_string(scopes, '+'), \
         coalesce(code_challenge, '-'), extract(epoch FROM expires_at - created_at)::int, redeemed_at) AS value \
         FROM authorization_codes WHERE id = '{}'",
        &code["pvr_c_".len().."pvr_c_".len() + 12]
    );
    let mut rows = database::texts(&mut database::connect(&shared().data_dir, "provisor"), &query);
    assert_eq!(rows.len(), 1, "{location}");
    rows.remove(0)
}
