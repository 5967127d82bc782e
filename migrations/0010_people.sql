-- How accounts come to be on the web: links, the first owner, and lists of people that are searched and paged.

ALTER TABLE account ADD COLUMN name_key text COLLATE "C" NOT NULL DEFAULT '';
UPDATE account SET name_key = normalize(lower(name), NFC);
COMMENT ON COLUMN account.name_key IS 'name in lower case and NFC, for search';
CREATE INDEX account_local ON account (local);

CREATE TABLE account_token (
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    purpose    smallint NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (account, purpose)
);
COMMENT ON TABLE account_token IS 'One-time links; a new one of a purpose takes the place of the old one, a used one is gone.';
COMMENT ON COLUMN account_token.purpose IS '1 activation: sets the first password';
COMMENT ON COLUMN account_token.hash IS 'SHA-256 of the link''s token';

CREATE TABLE setup (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    token_hash   bytea,
    browser_hash bytea,
    opened_at    timestamptz,
    wrong        integer NOT NULL DEFAULT 0,
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    owner        bigint REFERENCES account ON DELETE SET NULL,
    steps        integer NOT NULL DEFAULT 0,
    done_at      timestamptz
);
COMMENT ON TABLE setup IS 'The claim of a fresh server and how far its first owner got; one row at most.';
COMMENT ON COLUMN setup.one IS 'always true: there is one row';
COMMENT ON COLUMN setup.token_hash IS 'SHA-256 of the link''s token; NULL: used or void';
COMMENT ON COLUMN setup.browser_hash IS 'SHA-256 of the secret of the browser that opened the link first; no other may use it';
COMMENT ON COLUMN setup.opened_at IS 'when that was';
COMMENT ON COLUMN setup.wrong IS 'wrong tokens tried; the fifth voids the link';
COMMENT ON COLUMN setup.owner IS 'who claimed the server';
COMMENT ON COLUMN setup.steps IS 'bit set of the steps that are done, src/service/setup.rs has them';
COMMENT ON COLUMN setup.done_at IS 'when the owner called it done';

-- The domain of an address, or the name itself where it is none: what a domain's admins may read.
CREATE INDEX audit_domain ON audit ((split_part(subject_name, '@', -1) COLLATE "C"), id);
CREATE INDEX audit_subject_id ON audit (subject, id);
DROP INDEX audit_subject;
