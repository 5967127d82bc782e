//! Message structure: headers, parts, ENVELOPE and BODYSTRUCTURE, decoding; what a reader sees of it and what a
//! writer makes. Pure: offsets into the bytes at hand.

pub mod address;
pub mod attachment;
pub mod bodystructure;
pub mod compose;
pub mod content;
pub mod date;
pub mod envelope;
pub mod flowed;
pub mod head;
pub mod header;
pub mod html;
pub mod mailboxes;
pub mod params;
pub mod people;
pub mod plain;
pub mod quote;
pub mod section;
pub mod structure;
pub mod subject;
pub mod submission;
pub mod text;
pub mod transfer;
pub mod view;
pub mod words;
