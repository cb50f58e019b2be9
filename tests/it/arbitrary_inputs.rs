//! arbitrary_inputs
