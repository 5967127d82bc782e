//! Message structure: headers, parts, ENVELOPE and BODYSTRUCTURE, decoding. Pure: offsets into the bytes at hand.

pub mod address;
pub mod bodystructure;
pub mod content;
pub mod date;
pub mod envelope;
pub mod header;
pub mod mailboxes;
pub mod params;
pub mod section;
pub mod structure;
pub mod subject;
pub mod submission;
pub mod text;
pub mod transfer;
pub mod words;
