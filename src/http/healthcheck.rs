//! Asks a server whether it can serve, for those that watch over containers: the image holds no other program to do it.

use std::time::Duration;

use reqwest::{StatusCode, redirect};

use super::health::READY;
use super::outbound::reason;

/// Time for the whole. A server that waits in vain for its database says so within two seconds.
const TIMEOUT: Duration = Duration::from_millis(2_700);

/// Asks the server below this URL. Of a server that is `ours`, on this machine, any certificate is taken: it is made for the name by
/// which others come.
///
/// # Errors
/// Why it is not ready, as a sentence.
pub fn check(base: &str, ours: bool) -> Result<(), String> {
    actix_web::rt::System::new().block_on(ask(base, ours)).map_err(|problem| format!("{base} {problem}"))
}

async fn ask(base: &str, ours: bool) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .tls_danger_accept_invalid_certs(ours)
        .build()
        .map_err(|error| reason(&error))?;
    match client.get(format!("{base}{READY}")).send().await {
        Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
        Ok(answer) => Err(format!("answered {}", answer.status().as_u16())),
        Err(error) => Err(reason(&error)),
    }
}
