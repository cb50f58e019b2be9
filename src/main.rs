//! Provisor.
fn main() {}
