//! Sign-in by an identity provider that speaks OpenID Connect (OpenID Connect Core 1.0): one provider for the installation. What comes
//! from it is judged here, by pure functions but for [`provider`] and [`accounts`], which use the store; it is asked in `http`.

pub mod accounts;
pub mod discovery;
pub mod id_token;
pub mod provider;
mod refusal;
pub mod terms;

pub use refusal::Refusal;
