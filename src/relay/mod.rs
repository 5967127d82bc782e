//! Mail on its way out: the worker takes what is due, the session hands it to the next server.

pub mod session;
pub mod worker;
