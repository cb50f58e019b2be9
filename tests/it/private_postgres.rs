//! private_postgres
