//! What somebody has who has a copy of the database, or may write to it, but not the master key: nothing that opens anything.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diesel::PgConnection;
use oauth2::AuthType;
use sha2::{Digest, Sha256};

use crate::oauth_flow::provider::{Provider, come_back};
use crate::support::browser::Browser;
use crate::support::oauth::Endpoints;
use crate::support::process::{run, run_json};
use crate::support::{Client, ServerProcess, TemporaryDirectory, database, minimal, totp};

const PASSWORD: &str = "correct horse battery staple";

/// A server on which each kind of credential was issued and used, and their texts.
struct Victim {
    server: ServerProcess,
    secrets: BTreeMap<&'static str, String>,
    app: totp::App,
    _data: TemporaryDirectory,
}

fn victim() -> Victim {
    let data = TemporaryDirectory::new("stolen");
    let server = ServerProcess::start(&data);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let header_token = text(&run_json(&data, &["token", "create", "okta"])["token"]);
    let created = run_json(&data, &["client", "create", "okta", "--okta-app", "trial7464750_ouraoo_1"]);
    let (id, secret) = (text(&created["id"]), text(&created["secret"]));
    let password = data.join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let made = run(&data, &["admin", "create", "ada@example.com", "--password-file", password.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::remove_file(password).unwrap();

    let mut browser = Browser::new(&server.url);
    browser.sign_in("ada@example.com", PASSWORD);
    let (app, codes) = totp::set_up(&mut browser);
    let okta = Provider::new(&server.url, &id, &secret, AuthType::RequestBody);
    let mut consent = || {
        browser.open_authorize(okta.authorize(&[]).0.as_str());
        come_back(&browser.consent(true)).0
    };
    let (used, unused) = (consent(), consent());
    let first = okta.exchange(&used).unwrap();
    let second = okta.refresh(first.refresh.as_ref().unwrap()).unwrap();
    let scim = Client::new(&server.url, &format!("Bearer {}", second.access));
    let user = serde_json::json!({"password": "Tr0ub4dor&3-of-the-user"});
    let mut body = minimal("grace@example.com");
    body["password"] = user["password"].clone();
    run_json(&data, &["tenant", "update", "default", "--store-passwords", "on"]);
    assert_eq!(scim.post("/Users", &body).status, 201);
    let secrets = BTreeMap::from([
        ("secret of an authenticator app", app.typed()),
        ("recovery code", codes[0].replace('-', "")),
        ("recovery code as it is shown", codes[1].clone()),
        ("header token", header_token),
        ("client secret", secret),
        ("code that was used", used),
        ("code that was not used", unused),
        ("refresh token that was used", first.refresh.unwrap()),
        ("refresh token", second.refresh.unwrap()),
        ("access token", second.access),
        ("session", browser.cookies["sid"].clone()),
        ("password of an administrator", PASSWORD.to_owned()),
        ("password of a user", text(&user["password"])),
    ]);
    Victim { server, secrets, app, _data: data }
}

impl Victim {
    fn database(&self) -> PgConnection {
        database::connect(&self.server.data_dir, "provisor")
    }

    /// All rows of all tables, as text.
    fn dump(&self) -> String {
        database::dump(&mut self.database()).join("\n")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn a_copy_of_the_database_holds_no_credential_in_any_form_that_can_be_used() {
    let victim = victim();
    let dump = victim.dump();
    assert!(dump.contains("grace@example.com") && dump.contains("oauth.refresh"), "the dump is complete");
    for (what, secret) in &victim.secrets {
        // The public id may be there; whatever is behind it may not.
        let hidden = secret.strip_prefix("pvr_").map_or(secret.as_str(), |rest| &rest[2 + 12..]);
        for form in [hidden.to_owned(), hex(hidden.as_bytes()), STANDARD.encode(hidden), URL_SAFE_NO_PAD.encode(hidden)]
        {
            assert!(!dump.contains(&form), "{what}");
        }
        // A plain hash would let whoever may write make a credential of their own.
        for text in [secret.as_str(), hidden, secret.split_at_checked(6).map_or("", |parts| parts.1)] {
            assert!(!dump.contains(&hex(&Sha256::digest(text))), "{what}: plain hash");
        }
    }
    assert!(!dump.contains(&hex(&victim.app.0)) && !dump.contains(&STANDARD.encode(&victim.app.0)));
    // A private key in PKCS #8 begins with these bytes: P-256, id-ecPublicKey.
    let pkcs8 = hex(&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
    assert!(!dump.contains(&pkcs8) && !dump.contains("PRIVATE KEY") && !dump.contains("\"d\":"));
    let master = std::fs::read_to_string(victim.server.data_dir.join("master.key")).unwrap();
    assert!(!dump.contains(master.trim()) && !dump.contains(&hex(&STANDARD.decode(master.trim()).unwrap())));
}

#[test]
fn nothing_in_a_copy_of_the_database_is_accepted_as_a_credential() {
    let victim = victim();
    let words: Vec<String> = victim
        .dump()
        .split(|c: char| !(c.is_ascii_alphanumeric() || "-_.=+/".contains(c)))
        .filter(|word| (12..200).contains(&word.len()))
        .map(str::to_owned)
        .collect();
    assert!(words.len() > 50);
    let id = words.iter().find(|word| word.starts_with("client_")).unwrap();
    for word in words.iter().collect::<std::collections::BTreeSet<_>>() {
        for credential in [word.clone(), format!("Bearer {word}"), format!("Bearer pvr_t_{word}")] {
            assert_eq!(Client::new(&victim.server.url, &credential).get("/Users").status, 401, "{word}");
        }
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", word), ("client_id", id), ("client_secret", word)];
        let answer = Endpoints::of(&victim.server.url).token(&form);
        assert_eq!(answer.status, 401, "{word}: {}", answer.text);
    }
}

#[test]
fn a_second_factor_that_somebody_writes_into_the_database_signs_nobody_in() {
    let victim = victim();
    let mut pg = victim.database();
    let sign_in = |code: &str| {
        let mut browser = Browser::new(&victim.server.url);
        browser.sign_in("ada@example.com", PASSWORD);
        browser.post(&browser.page.form("/admin/login/code").with("code", code)).status
    };
    // A plain hash of a code that the writer chose, and the hash of another person's code.
    let made = hex(&Sha256::digest("01abcdefgh"));
    database::execute(
        &mut pg,
        &format!("INSERT INTO recovery_codes SELECT administrator_id, '\\x{made}' FROM totp_secrets"),
    );
    assert_eq!(sign_in("01abc-defgh"), 422);
    // A secret that is not sealed, or was sealed for somebody else, opens nothing: the person is told to bring the key back.
    let known = hex(b"12345678901234567890");
    database::execute(&mut pg, &format!("UPDATE totp_secrets SET sealed_secret = '\\x{known}', last_step = 0"));
    assert_eq!(sign_in(&totp::App(b"12345678901234567890".to_vec()).code(0)), 500);
    // Its shape is right: a code that was really made is taken.
    assert_eq!(sign_in(&victim.secrets["recovery code"]), 303);
}

#[test]
fn rows_that_somebody_writes_into_the_database_open_nothing() {
    let victim = victim();
    let mut pg = victim.database();
    // As a token is made, but for the key: whoever writes does not have it.
    let body = "0123456789ab0123456789012345678901234567890123456789abc";
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let made = |prefix: &str| {
        let head = format!("{prefix}{body}");
        let mut rest = crc32fast::hash(head.as_bytes()) as usize;
        let mut checksum = [b'0'; 6];
        for digit in checksum.iter_mut().rev() {
            *digit = digits[rest % 62];
            rest /= 62;
        }
        format!("{head}{}", String::from_utf8_lossy(&checksum))
    };
    for plain in [&made("pvr_t_"), &made("pvr_t_")[6..], &body[12..]] {
        let hash = hex(&Sha256::digest(plain));
        database::execute(
            &mut pg,
            &format!(
                "DELETE FROM header_tokens WHERE id = '0123456789ab';
                INSERT INTO header_tokens (id, tenant_id, name, secret_hash, key_version, scopes, created_at)
                SELECT '0123456789ab', id, 'forged', '\\x{hash}', 1, '{{scim.read,scim.write}}', now() FROM tenants LIMIT 1"
            ),
        );
        assert_eq!(Client::new(&victim.server.url, &format!("Bearer {}", made("pvr_t_"))).get("/Users").status, 401);
    }
    // Its shape is right: the same row under a hash by the real key is what `token create` writes.
    let real = &victim.secrets["header token"];
    assert_eq!(Client::new(&victim.server.url, &format!("Bearer {real}")).get("/Users").status, 200);
}
