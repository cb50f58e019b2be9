//! What a client sees that comes by the public URL. It is asked for the way a client does, through whatever stands in front.

use std::time::Duration;

use actix_web::rt::System;
use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::tls::{TlsInfo, Version};
use reqwest::{Client, ClientBuilder, Response, StatusCode, redirect};
use serde_json::Value;

use super::outbound::reason;

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

/// The end of the time for which a certificate is valid (RFC 5280 section 4.1.2.5).
fn valid_until(certificate: &[u8]) -> Option<DateTime<Utc>> {
    const VERSION: u8 = 0xa0;
    const UTC_TIME: u8 = 0x17;
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // The serial number, the algorithm and the issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (kind, time, _) = element(rest)?;
    let time = std::str::from_utf8(time).ok()?;
    let time = match kind {
        // Two digits of the year: below 50 it is after 2000.
        UTC_TIME if time < "50" => format!("20{time}"),
        UTC_TIME => format!("19{time}"),
        _ => time.to_owned(),
    };
    Some(NaiveDateTime::parse_from_str(&time, "%Y%m%d%H%M%SZ").ok()?.and_utc())
}

/// The first element in DER: its tag, its content, and what is behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        short @ ..0x80 => (usize::from(short), rest),
        long => {
            let (digits, rest) =
                rest.split_at_checked(usize::from(long & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Certificates for "example" by `openssl req -x509`. A year from 2050 on is written in another way.
    const ENDS: [(&str, &str); 2] = [
        (
            "MIIBejCCAR+gAwIBAgIUOOBi5gbL0A1GufXMpTGAYGgj1s0wCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHZXhhbXBsZTAeFw0yNjExMjYyMzE1Mz\
             ZaFw00OTA1MzEyMzE1MzZaMBIxEDAOBgNVBAMMB2V4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQnAYJ9tfICNFeYdbgXtEecfOmU\
             uR2f781B2bBOSXgyjMzj0NGqCHIpS4wA7ppg2qE5Zh9uvg6K/hQNs3NJ7Fwyo1MwUTAdBgNVHQ4EFgQUXSXRCi/cXqHojzqndS9ySvfql/8wHw\
             YDVR0jBBgwFoAUXSXRCi/cXqHojzqndS9ySvfql/8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAq/w7yJBbrOFzh7a0BvlF\
             YGkYPjA1muMR4+nIy/3oauECIQDpbUdc7/d+ix2AEUPndFo7pGI7MVG7HT4bodyNQ7iUBg==",
            "2049-05-31T23:15:36+00:00",
        ),
        (
            "MIIBezCCASGgAwIBAgIUUZ/SIrS7+NHAaVLb0qInJW7NjMswCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHZXhhbXBsZTAgFw0yNjExMjYyMzE1Mz\
             ZaGA8yMDU5MDUzMTIzMTUzNlowEjEQMA4GA1UEAwwHZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCExVXS9zifmrzUwcqoc74kC\
             9tmQV6RngJ/bWWQsjQ9mVNYZ+67KB3A+Nq2Kt4i8HcdFJ+LhWbVqnCy9oK+FqSujUzBRMB0GA1UdDgQWBBRyYAMA+GhOQXpLhKb2KpuIyvFpQD\
             AfBgNVHSMEGDAWgBRyYAMA+GhOQXpLhKb2KpuIyvFpQDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDZO2OGBZGm5W+Q4/hI\
             kql0zK3cwhLF1H2NqGNOwmfS/AIgT3PpOAA4XYY5TW1FvcF47ErItFmNBqxwqsveTg5aCDw=",
            "2059-05-31T23:15:36+00:00",
        ),
    ];

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (certificate, end) in ENDS {
            let der = STANDARD.decode(certificate).unwrap();
            assert_eq!(valid_until(&der).unwrap().to_rfc3339(), end);
            for length in 0..der.len() {
                let _ = valid_until(&der[..length]);
            }
        }
        assert_eq!(valid_until(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
