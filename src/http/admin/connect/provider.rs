//! What identity providers call things: the fields of their consoles with what belongs into them, what to tick, and where. Tables; the
//! names are those on the providers' own screens.

use url::{Host, Url};

use crate::oauth::metadata::{AUTHORIZE, TOKEN};

/// A kind of identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Okta,
    Entra,
    Other,
}

/// How an identity provider authenticates here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    HeaderToken,
    AuthorizationCode,
    ClientCredentials,
}

impl Provider {
    pub(super) const ALL: [Self; 3] = [Self::Okta, Self::Entra, Self::Other];

    /// Code, name, and how it may authenticate, the simplest first.
    const fn row(self) -> (&'static str, &'static str, &'static [Method]) {
        use Method::{AuthorizationCode, ClientCredentials, HeaderToken};
        match self {
            Self::Okta => ("okta", "Okta", &[HeaderToken, AuthorizationCode, ClientCredentials]),
            Self::Entra => ("entra", "Microsoft Entra ID", &[HeaderToken, ClientCredentials]),
            Self::Other => ("other", "Another provider", &[HeaderToken, ClientCredentials, AuthorizationCode]),
        }
    }

    pub(super) const fn code(self) -> &'static str {
        self.row().0
    }

    pub(super) const fn label(self) -> &'static str {
        self.row().1
    }

    /// As it stands in a sentence.
    pub(super) const fn subject(self) -> &'static str {
        match self {
            Self::Okta => "Okta",
            Self::Entra => "Entra",
            Self::Other => "the provider",
        }
    }

    pub(super) fn takes(self, method: Method) -> bool {
        self.row().2.contains(&method)
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.code() == code)
    }

    /// Where the fields are.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::Okta => {
                "Okta admin console › Applications › your app › Provisioning › Integration › Edit. The tab Provisioning appears \
                 once General › App Settings › Provisioning is set to SCIM."
            }
            Self::Entra => {
                "Microsoft Entra admin center › Enterprise applications › your app › Provisioning, with the mode Automatic."
            }
            Self::Other => "The provider's page for SCIM 2.0 provisioning.",
        }
    }

    /// What to tick.
    pub(super) const fn boxes(self) -> &'static [&'static str] {
        match self {
            Self::Okta => &[
                "Import New Users and Profile Updates",
                "Push New Users",
                "Push Profile Updates",
                "Push Groups",
                "Import Groups, if Okta shall know the groups that are here already",
            ],
            Self::Entra => &["Provision Microsoft Entra ID Users", "Provision Microsoft Entra ID Groups"],
            Self::Other => &["Create users", "Update users", "Deactivate users", "Push groups"],
        }
    }

    /// What to do once the fields are filled in.
    pub(super) const fn then(self) -> &'static [&'static str] {
        match self {
            Self::Okta => &[
                "Press Test Connector Configuration, then Save.",
                "Provisioning › To App › Edit: tick Create Users, Update User Attributes and Deactivate Users, then Save.",
                "Assign one person to the app, and push one group under Push Groups.",
            ],
            Self::Entra => &[
                "Press Test Connection, then Save.",
                "Under Mappings, switch on users and groups.",
                "Choose a person under Provision on demand. Start provisioning once that went well; Entra then works in cycles of \
                 about 40 minutes.",
            ],
            Self::Other => &["Test the connection there, and provision one person."],
        }
    }

    /// A remark on one of the ways.
    pub(super) const fn remark(self, method: Method) -> &'static str {
        match (self, method) {
            (Self::Okta, Method::HeaderToken) => {
                "Okta puts the word Bearer before the token by itself: paste the token alone, without quotes."
            }
            (Self::Okta, Method::AuthorizationCode) => {
                "After Save, press Authenticate with your app. Okta opens this server in a window, where you sign in and allow it."
            }
            (Self::Okta, Method::ClientCredentials) => {
                "Newer Okta organisations only, where the form has a field Grant Type. Without it, choose another way."
            }
            (Self::Entra, Method::HeaderToken) => {
                "The end of the Tenant URL asks Entra to follow the standard. Leave it there."
            }
            (Self::Entra, _) => "Where your app offers no client credentials, choose the header token.",
            (Self::Other, Method::HeaderToken) => "The token goes behind Bearer in the header Authorization.",
            (Self::Other, _) => "Tokens live for an hour; the provider gets new ones by itself.",
        }
    }

    /// The fields of the console, in their order, each with what belongs into it.
    pub(super) fn fields(self, method: Method, facts: &Facts<'_>) -> Vec<Field> {
        let base = facts.base_url;
        let (authorize, token) = (format!("{}{AUTHORIZE}", facts.public_url), format!("{}{TOKEN}", facts.public_url));
        let client = facts.credential_id.unwrap_or_default();
        let plain = |label, value: &str| Field { label, value: Some(value.to_owned()) };
        let secret = |label| Field { label, value: None };
        let uid = plain("Unique identifier field for users", "userName");
        match (self, method) {
            (Self::Okta, Method::HeaderToken) => vec![
                plain("SCIM connector base URL", base),
                uid,
                plain("Authentication Mode", "HTTP Header"),
                secret("Authorization: Bearer"),
            ],
            (Self::Okta, Method::AuthorizationCode) => vec![
                plain("SCIM connector base URL", base),
                uid,
                plain("Authentication Mode", "OAuth 2"),
                plain("Access token endpoint URI", &token),
                plain("Authorization endpoint URI", &authorize),
                plain("Client ID", client),
                secret("Client Secret"),
            ],
            (Self::Okta, Method::ClientCredentials) => vec![
                plain("SCIM connector base URL", base),
                uid,
                plain("Authentication Mode", "OAuth 2"),
                plain("Grant Type", "Client Credentials"),
                plain("Access token endpoint URI", &token),
                plain("Client ID", client),
                secret("Client Secret"),
            ],
            (Self::Entra, Method::HeaderToken) => {
                vec![plain("Tenant URL", &format!("{base}?aadOptscim062020")), secret("Secret Token")]
            }
            (Self::Entra, _) => vec![
                plain("Tenant URL", &format!("{base}?aadOptscim062020")),
                plain("Token endpoint", &token),
                plain("Client identifier", client),
                secret("Client secret"),
            ],
            (Self::Other, Method::HeaderToken) => vec![plain("Base URL", base), secret("Bearer token")],
            (Self::Other, Method::ClientCredentials) => vec![
                plain("Base URL", base),
                plain("Token URL", &token),
                plain("Client id", client),
                secret("Client secret"),
                plain("Scopes", "scim.read scim.write"),
            ],
            (Self::Other, Method::AuthorizationCode) => vec![
                plain("Base URL", base),
                plain("Authorize URL", &authorize),
                plain("Token URL", &token),
                plain("Client id", client),
                secret("Client secret"),
                plain("Scopes", "scim.read scim.write"),
            ],
        }
    }
}

impl Method {
    pub(super) const ALL: [Self; 3] = [Self::HeaderToken, Self::AuthorizationCode, Self::ClientCredentials];

    /// Code, name, and a word on it.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::HeaderToken => ("header_token", "Header token", "The simplest: one token to paste. Any provider."),
            Self::AuthorizationCode => (
                "authorization_code",
                "OAuth 2, authorization code",
                "Somebody signs in here once and allows it. Okta, and some others.",
            ),
            Self::ClientCredentials => (
                "client_credentials",
                "OAuth 2, client credentials",
                "The provider gets short-lived tokens with an id and a secret. Entra, and newer Okta organisations.",
            ),
        }
    }

    pub(super) const fn code(self) -> &'static str {
        self.row().0
    }

    pub(super) const fn label(self) -> &'static str {
        self.row().1
    }

    pub(super) const fn help(self) -> &'static str {
        self.row().2
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.code() == code)
    }

    /// Whether what is made is a client rather than a token.
    pub(super) fn is_oauth(self) -> bool {
        self != Self::HeaderToken
    }
}

/// What fields are filled with.
pub(super) struct Facts<'a> {
    pub base_url: &'a str,
    pub public_url: &'a str,
    /// The id of the client.
    pub credential_id: Option<&'a str>,
}

/// A field of a console.
pub(super) struct Field {
    pub label: &'static str,
    /// What belongs into it; `None` for the secret.
    pub value: Option<String>,
}

/// Whether only this machine or a network of one's own reaches this.
pub(super) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost"
                || !name.contains('.')
                || [".local", ".internal", ".lan"].iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || matches!(address.segments()[0] & 0xfe00, 0xfc00 | 0xfe00)
        }
        None => true,
    }
}

/// What identity providers dislike about a base URL, each with what to do.
pub(super) fn warnings(base_url: &str) -> Vec<&'static str> {
    let Ok(url) = Url::parse(base_url) else {
        return vec!["The public URL of this server is none. Set --public-url (PROVISOR_PUBLIC_URL)."];
    };
    let is_private = is_private(&url);
    let found = [
        (
            is_private,
            "Only this machine or network reaches this address, and identity providers call from the Internet, by https. For a \
             trial, open a tunnel to this server (cloudflared, ngrok or the like), and start it again with --public-url and the \
             https address of the tunnel.",
        ),
        (
            url.scheme() != "https" && !is_private,
            "The address is not https, and identity providers call no other. Serve it behind a proxy or tunnel with a certificate \
             that everybody trusts, and set --public-url to that address.",
        ),
        (
            base_url.contains('_'),
            "There is an underscore in the address, which Okta refuses. Use another host name or path, and set --public-url to it.",
        ),
    ];
    found.into_iter().filter(|(applies, _)| *applies).map(|(_, sentence)| sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_that_a_provider_takes_has_one_secret_and_everything_else_filled_in() {
        let facts = Facts {
            base_url: "https://scim.example.com/scim/v2",
            public_url: "https://scim.example.com",
            credential_id: Some("client_1"),
        };
        for provider in Provider::ALL {
            assert_eq!(Provider::parse(provider.code()), Some(provider));
            for method in Method::ALL.into_iter().filter(|method| provider.takes(*method)) {
                assert_eq!(Method::parse(method.code()), Some(method));
                let fields = provider.fields(method, &facts);
                assert_eq!(fields.iter().filter(|field| field.value.is_none()).count(), 1);
                assert!(fields.iter().all(|field| field.value.as_deref() != Some("")));
                let names_client = fields.iter().any(|field| field.value.as_deref() == Some("client_1"));
                assert_eq!(names_client, method.is_oauth());
            }
        }
        assert!(!Provider::Entra.takes(Method::AuthorizationCode));
    }

    #[test]
    fn an_address_that_no_provider_reaches_is_warned_of() {
        for (url, count) in [
            ("https://scim.example.com/scim/v2", 0),
            ("https://scim_1.example.com/scim/v2", 1),
            ("https://scim.example.com/a_b/scim/v2", 1),
            ("http://scim.example.com/scim/v2", 1),
            ("https://10.1.2.3/scim/v2", 1),
            ("https://[fd00::1]/scim/v2", 1),
            ("https://[fe80::1]/scim/v2", 1),
            ("https://[2001:db8::1]/scim/v2", 0),
            ("https://provisor.internal/scim/v2", 1),
            ("http://127.0.0.1:8080/scim/v2", 1),
            ("nonsense", 1),
        ] {
            assert_eq!(warnings(url).len(), count, "{url}");
        }
    }
}
