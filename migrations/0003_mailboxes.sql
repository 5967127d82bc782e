-- Mailboxes: a tree of leaves under an owner; separators exist only in doors (I12).

CREATE TABLE mailbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account       bigint NOT NULL REFERENCES account,
    parent        bigint REFERENCES mailbox,
    name          text COLLATE "C" NOT NULL,
    class         smallint NOT NULL DEFAULT 0,
    selectable    boolean NOT NULL DEFAULT true,
    special_use   smallint,
    uidvalidity   bigint NOT NULL,
    uidnext       bigint NOT NULL DEFAULT 1,
    modseq        bigint NOT NULL DEFAULT 1,
    change_floor  bigint NOT NULL DEFAULT 0,
    messages      bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    unseen        bigint NOT NULL DEFAULT 0,
    deleted       bigint NOT NULL DEFAULT 0,
    recent_uid    bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    removed_at    timestamptz,
    CHECK (messages >= 0 AND bytes >= 0 AND unseen >= 0 AND deleted >= 0)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE mailbox IS 'A mailbox; its counters change with every delivery, so none of them is indexed (HOT updates).';
COMMENT ON COLUMN mailbox.parent IS 'NULL at the top';
COMMENT ON COLUMN mailbox.name IS 'leaf name in NFC; INBOX at the top is upper case';
COMMENT ON COLUMN mailbox.class IS '0 mail, 1 contacts, 2 calendar, 3 files';
COMMENT ON COLUMN mailbox.special_use IS '1 archive, 2 drafts, 3 flagged, 4 junk, 5 sent, 6 trash, 7 important, 8 all';
COMMENT ON COLUMN mailbox.uidvalidity IS 'from account.uidvalidity_last; never changes while the mailbox lives (I2)';
COMMENT ON COLUMN mailbox.modseq IS 'highest given so far; one a transaction, taken under this row''s lock (I2)';
COMMENT ON COLUMN mailbox.change_floor IS 'mailbox_change is complete above it; an older client gets the full comparison (I5)';
COMMENT ON COLUMN mailbox.unseen IS 'without \Seen of the owner';
COMMENT ON COLUMN mailbox.recent_uid IS 'first UID that no session has claimed as \Recent';
COMMENT ON COLUMN mailbox.removed_at IS 'a tombstone: restorable with its contents until the undelete window ends';
CREATE UNIQUE INDEX mailbox_name ON mailbox (account, parent, name) NULLS NOT DISTINCT WHERE removed_at IS NULL;
CREATE INDEX mailbox_account ON mailbox (account);
CREATE INDEX mailbox_parent ON mailbox (parent);
CREATE UNIQUE INDEX mailbox_special_use ON mailbox (account, special_use) WHERE special_use IS NOT NULL AND removed_at IS NULL;

CREATE TABLE mailbox_alias (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    name    text COLLATE "C" NOT NULL,
    target  text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name)
);
COMMENT ON TABLE mailbox_alias IS 'A member''s own short names for mailboxes, as paths.';

CREATE TABLE mailbox_acl (
    mailbox      bigint NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    subject_kind smallint NOT NULL,
    subject      bigint NOT NULL DEFAULT 0,
    negative     boolean NOT NULL DEFAULT false,
    rights       text COLLATE "C" NOT NULL,
    PRIMARY KEY (mailbox, subject_kind, subject, negative)
);
COMMENT ON TABLE mailbox_acl IS 'Rights of others on a mailbox (RFC 4314).';
COMMENT ON COLUMN mailbox_acl.subject_kind IS '0 anyone, 1 account, 2 group';
COMMENT ON COLUMN mailbox_acl.rights IS 'letters of RFC 4314 section 2.1';
CREATE INDEX mailbox_acl_subject ON mailbox_acl (subject_kind, subject);

CREATE TABLE subscription (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    path    text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, path)
);
COMMENT ON TABLE subscription IS 'Subscribed names, also of mailboxes that do not exist (RFC 9051 section 6.3.7).';
COMMENT ON COLUMN subscription.path IS 'levels divided by /';

CREATE TABLE annotation (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    mailbox bigint REFERENCES mailbox ON DELETE CASCADE,
    person  bigint REFERENCES account ON DELETE CASCADE,
    entry   text COLLATE "C" NOT NULL,
    value   bytea NOT NULL,
    UNIQUE NULLS NOT DISTINCT (account, mailbox, person, entry)
);
COMMENT ON TABLE annotation IS 'Metadata of a mailbox or of the account (RFC 5464).';
COMMENT ON COLUMN annotation.mailbox IS 'NULL: of the account';
COMMENT ON COLUMN annotation.person IS 'whose private value; NULL: shared';
CREATE INDEX annotation_mailbox ON annotation (mailbox);

CREATE TABLE keyword (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    id      smallint NOT NULL,
    name    text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, id)
);
COMMENT ON TABLE keyword IS 'The keywords of an owner''s messages; message.keywords holds ids of this table.';
CREATE UNIQUE INDEX keyword_name ON keyword (account, lower(name));
