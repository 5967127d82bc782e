//! Message structure: headers, parts, ENVELOPE and BODYSTRUCTURE, decoding, composing. Pure.
