//! What a client sees that comes by the public URL. It is asked for the way a client does, through whatever stands in front.

use std::time::Duration;

use actix_web::rt::System;
use chrono::{DateTime, Utc};
use reqwest::tls::{TlsInfo, Version};
use reqwest::{Client, ClientBuilder, Response, StatusCode, redirect};
use serde_json::Value;

use super::outbound::reason;
use crate::tls::valid_until;

/// Time for a connection, and for the whole.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Ids of the signing keys that are published there. No two installations have one in common.
    pub keys: Vec<String>,
    /// Until when the certificate is valid; `None` in clear text.
    pub certificate_until: Option<DateTime<Utc>>,
    /// Whether TLS 1.3 is spoken as well.
    pub speaks_tls_1_3: bool,
}

/// Asks for `/livez` and the key set. A certificate that clients would not take is not taken.
///
/// # Errors
/// What is wrong, behind the name of what was asked for.
pub fn look(public_url: &str) -> Result<Seen, String> {
    System::new().block_on(async {
        let live = get(&client(|builder| builder)?, &format!("{public_url}/livez")).await?;
        let tls = live.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        let certificate_until = tls.and_then(valid_until);
        let set = get(&client(|builder| builder)?, &format!("{public_url}/.well-known/jwks.json")).await?;
        let set = set.text().await.map_err(|error| reason(&error))?;
        let set: Value = serde_json::from_str(&set).map_err(|_| "/.well-known/jwks.json is no JSON".to_owned())?;
        let kids = set["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str());
        let keys = kids.map(str::to_owned).collect();
        let newest = client(|builder| builder.tls_version_min(Version::TLS_1_3))?;
        let speaks_tls_1_3 =
            public_url.starts_with("https:") && get(&newest, &format!("{public_url}/livez")).await.is_ok();
        Ok(Seen { keys, certificate_until, speaks_tls_1_3 })
    })
}

fn client(with: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client, String> {
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(TIMEOUT).tls_info(true);
    with(builder).build().map_err(|error| reason(&error))
}

async fn get(client: &Client, url: &str) -> Result<Response, String> {
    let response = client.get(url).send().await.map_err(|error| format!("{url}: {}", reason(&error)))?;
    match response.status() {
        StatusCode::OK => Ok(response),
        other => Err(format!("{url} answers {}", other.as_u16())),
    }
}
