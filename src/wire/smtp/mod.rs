//! SMTP and LMTP (RFC 5321, RFC 2033): commands, replies, DATA and BDAT.
