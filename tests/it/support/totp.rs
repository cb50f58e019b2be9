//! An authenticator app, and what the pages show of it.

use chrono::Utc;
use totp_rs::{Builder, Secret};

use super::browser::{Browser, Form, Page};

/// An authenticator app, by the secret that the page shows to be typed.
pub struct App(pub Vec<u8>);

impl App {
    pub fn of(page: &Page) -> Self {
        let typed = page.text.split("id=\"typed\">").nth(1).unwrap_or_else(|| panic!("{}", page.text));
        let typed = typed.split('<').next().unwrap().replace(' ', "");
        Self(Secret::try_from_base32(typed).unwrap().as_bytes().to_vec())
    }

    /// Its secret as it is typed, without blanks.
    pub fn typed(&self) -> String {
        Secret::from(self.0.clone()).to_base32()
    }

    /// What it shows this many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let at = Utc::now().timestamp() + 30 * steps;
        let totp = Builder::new().with_secret(self.0.clone()).build().unwrap();
        totp.generate(u64::try_from(at).unwrap()).to_string()
    }
}

/// The recovery codes on a page.
pub fn codes(page: &Page) -> Vec<String> {
    let codes = page.text.split("id=\"codes\">").nth(1).unwrap_or_else(|| panic!("{}", page.text));
    codes.split("</pre>").next().unwrap().split_whitespace().map(str::to_owned).collect()
}

/// Sets an app up in the browser of somebody who has just signed in, as far as the secret.
pub fn begin(browser: &mut Browser) -> (App, Form) {
    let form = browser.open("/admin/account/totp").form("/admin/account/totp");
    let page = browser.post(&form);
    assert_eq!(page.status, 200, "{}", page.text);
    (App::of(&page), page.form("/admin/account/totp/confirm"))
}

/// Sets an app up, and gives the recovery codes.
pub fn set_up(browser: &mut Browser) -> (App, Vec<String>) {
    let (app, form) = begin(browser);
    let page = browser.post(&form.with("code", &app.code(0)));
    assert_eq!((page.status, page.heading()), (200, "Your recovery codes".into()), "{}", page.text);
    (app, codes(&page))
}
