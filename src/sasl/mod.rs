//! SASL mechanisms as state machines (RFC 4422). Pure.
