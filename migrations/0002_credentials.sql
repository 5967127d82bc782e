-- What proves who somebody is. Secrets and verifiers are sealed with a key the database does not have (I8).

CREATE TABLE seal_key (
    id         text COLLATE "C" PRIMARY KEY,
    proof      bytea NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE seal_key IS 'The sealing keys in use, by fingerprint: a node whose key file lacks one refuses to start.';
COMMENT ON COLUMN seal_key.proof IS 'a known text sealed with the key';

CREATE TABLE house_secret (
    name   text COLLATE "C" PRIMARY KEY,
    sealed bytea NOT NULL
);
COMMENT ON TABLE house_secret IS 'Secrets of the house itself, the same on every node and in every key rotation.';

CREATE TABLE credential (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account        bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    kind           smallint NOT NULL,
    app            bigint REFERENCES credential ON DELETE CASCADE,
    label          text NOT NULL DEFAULT '',
    sealed         bytea NOT NULL,
    protocols      integer,
    expires_at     timestamptz,
    created_at     timestamptz NOT NULL,
    last_used_at   timestamptz,
    last_used_from inet
);
COMMENT ON TABLE credential IS 'Passwords, verifiers, second factors of an account.';
COMMENT ON COLUMN credential.kind IS '1 password (argon2id PHC), 2 SCRAM-SHA-256 verifier, 3 SCRAM-SHA-1 verifier, 4 app password (HMAC), 5 TOTP seed, 6 recovery code (HMAC)';
COMMENT ON COLUMN credential.app IS 'for a SCRAM verifier: the app password it belongs to; NULL: the main password';
COMMENT ON COLUMN credential.sealed IS 'key id, nonce, ciphertext';
COMMENT ON COLUMN credential.protocols IS 'bit set of the doors it opens; NULL: all';
CREATE INDEX credential_account ON credential (account, kind);

CREATE TABLE scram_salt (
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    mechanism  smallint NOT NULL,
    salt       bytea NOT NULL,
    iterations integer NOT NULL,
    PRIMARY KEY (account, mechanism)
);
COMMENT ON TABLE scram_salt IS 'Salt and count belong to account and mechanism for ever, so that every password of the account shares them.';
COMMENT ON COLUMN scram_salt.mechanism IS '2 SCRAM-SHA-256, 3 SCRAM-SHA-1';

CREATE TABLE login_failure (
    subject    text COLLATE "C" PRIMARY KEY,
    count      integer NOT NULL,
    since      timestamptz NOT NULL,
    last_at    timestamptz NOT NULL
);
COMMENT ON TABLE login_failure IS 'Failed sign-ins by completed address, by network address and by network: the limiter that all nodes share.';
COMMENT ON COLUMN login_failure.subject IS 'a:ADDRESS, i:IP, n:NETWORK';

CREATE TABLE web_session (
    token_hash bytea PRIMARY KEY,
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    generation bigint NOT NULL,
    csrf       bytea NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    proved_at  timestamptz,
    expires_at timestamptz NOT NULL,
    peer       inet NOT NULL,
    agent      text NOT NULL DEFAULT ''
);
COMMENT ON TABLE web_session IS 'Signed-in browsers.';
COMMENT ON COLUMN web_session.token_hash IS 'SHA-256 of the cookie''s token';
COMMENT ON COLUMN web_session.generation IS 'credential generation it was made with (I7)';
COMMENT ON COLUMN web_session.proved_at IS 'last fresh proof of who it is (sudo)';
CREATE INDEX web_session_account ON web_session (account);
