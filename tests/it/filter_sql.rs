//! filter_sql
