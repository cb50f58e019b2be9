//! RFC 7643 and RFC 7644 as pure functions: no HTTP, no SQL, no clock.
//!
//! | part | RFC |
//! | --- | --- |
//! | [`schema`], [`resource_type`], [`registry`], [`urn`] | 7643 sections 2, 6, 7 |
//! | [`definitions`] | what a tenant adds to them |
//! | [`path`], [`filter`] | 7644 sections 3.10, 3.4.2.2 |
//! | [`json`], [`validate`], [`resource`] | 7643 sections 2, 3; 7644 sections 3.3, 3.5.1 |
//! | [`patch`], [`membership`] | 7644 section 3.5.2; 7643 section 4.2 |
//! | [`bulk`] | 7644 section 3.7 |
//! | [`project`], [`present`], [`reply`], [`search`], [`sort`], [`parameters`] | 7644 sections 3.9, 3.4; 9865 |
//! | [`fold`] | the comparison form that filters read |
//! | [`error`], [`limits`], [`leniency`] | 7644 section 3.12; our bounds; what clients get wrong |

pub mod bulk;
pub mod definitions;
pub mod error;
pub mod filter;
pub mod fold;
pub mod json;
pub mod leniency;
pub mod limits;
pub mod membership;
pub mod parameters;
pub mod patch;
pub mod path;
pub mod precondition;
pub mod present;
pub mod project;
pub mod registry;
pub mod reply;
pub mod resource;
pub mod resource_type;
pub mod schema;
pub mod search;
pub mod service_provider_config;
pub mod sort;
pub mod urn;
pub mod validate;
mod written;
