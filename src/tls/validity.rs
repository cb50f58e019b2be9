//! Until when a certificate is valid: the one thing in it that the library does not tell.

use chrono::{DateTime, NaiveDateTime, Utc};

/// The end of the time for which a certificate in DER is valid (RFC 5280 section 4.1.2.5); `None` when it is no certificate.
#[must_use]
pub fn valid_until(certificate: &[u8]) -> Option<DateTime<Utc>> {
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
