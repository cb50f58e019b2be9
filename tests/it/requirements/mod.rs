//! The numbered requirements of priority 1, each in a test that names it.
