//! What whoever runs the server asks: whether it lives, whether it can serve, and this description.

use serde_json::json;

use super::PATH;
use super::operation::{Access, Operation};

/// Their group.
pub const TAG: &str = "Service";

/// All of them.
pub fn operations() -> Vec<Operation> {
    let get = |path, id, summary, media_type, shape| {
        Operation::new("get", path, id, TAG, summary).needing(Access::Open).answering_body(
            200,
            summary,
            &json!({}),
            media_type,
            shape,
        )
    };
    let text = || json!({"type": "string"});
    vec![
        get("/livez", "isAlive", "The process lives.", "text/plain", text()),
        get("/readyz", "isReady", "The server can serve.", "text/plain", text()).answering_body(
            503,
            "It has no database, or no capacity, or is stopping.",
            &json!({}),
            "text/plain",
            text(),
        ),
        get(PATH, "getDescription", "This document.", "application/json", json!({"type": "object"})),
    ]
}
