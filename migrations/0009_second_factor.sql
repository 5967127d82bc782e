-- Second factors, and who signed in when.

ALTER TABLE credential ADD COLUMN step bigint;
COMMENT ON COLUMN credential.kind IS '1 password (argon2id PHC), 2 SCRAM-SHA-256 verifier, 3 SCRAM-SHA-1 verifier, 4 app password (HMAC), 5 TOTP seed, 6 recovery code (HMAC), 7 TOTP seed that waits for its first code';
COMMENT ON COLUMN credential.step IS 'of a TOTP seed: the last time step taken; none up to it is taken again (RFC 6238 section 5.2)';
COMMENT ON COLUMN credential.last_used_at IS 'when it last opened a door';
COMMENT ON COLUMN login_failure.subject IS 'a:ADDRESS, i:IP, n:NETWORK; t:ADDRESS tries of a code, s:ADDRESS tries to prove oneself anew';

CREATE TABLE sign_in (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    protocol smallint NOT NULL,
    peer     inet NOT NULL,
    agent    text NOT NULL DEFAULT '',
    ok       boolean NOT NULL
);
COMMENT ON TABLE sign_in IS 'Sign-ins on the web, and failed ones at any door that named an account: what a member is shown.';
COMMENT ON COLUMN sign_in.at IS 'when';
COMMENT ON COLUMN sign_in.protocol IS '0 SMTP, 1 submission, 2 LMTP, 3 IMAP, 4 POP3, 5 ManageSieve, 6 web';
COMMENT ON COLUMN sign_in.peer IS 'from where';
COMMENT ON COLUMN sign_in.agent IS 'User-Agent of a browser, shortened';
COMMENT ON COLUMN sign_in.ok IS 'false: refused';
CREATE INDEX sign_in_account ON sign_in (account, ok, id);
CREATE INDEX sign_in_at ON sign_in (at);
