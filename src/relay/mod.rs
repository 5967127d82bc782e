//! Mail going out: where to, and when to try again.

pub mod backoff;
