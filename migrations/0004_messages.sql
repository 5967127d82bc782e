-- Messages, the bytes they point to, and what was read off those bytes once.
-- No foreign keys to blobs and no reference counts (I10): the sweeper looks who points where.

CREATE TABLE blob (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash       bytea NOT NULL UNIQUE,
    size       bigint NOT NULL,
    object     text,
    touched_at timestamptz NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE blob IS 'Bytes as a stranger sent them, stored once (I3).';
COMMENT ON COLUMN blob.hash IS 'SHA-256';
COMMENT ON COLUMN blob.object IS 'name in the object store; NULL: the bytes are in blob_chunk';
COMMENT ON COLUMN blob.touched_at IS 'last time a pointer was made; the sweeper leaves it alone for a day';

CREATE TABLE blob_chunk (
    blob  bigint NOT NULL,
    n     integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (blob, n)
);
COMMENT ON TABLE blob_chunk IS 'Up to 256 KiB of source each, a zstd frame of its own.';
ALTER TABLE blob_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE content (
    blob           bigint NOT NULL,
    version        smallint NOT NULL,
    attachment     boolean NOT NULL,
    sent_at        timestamptz,
    parts          bytea NOT NULL,
    envelope       bytea NOT NULL,
    envelope_utf8  bytea,
    body           bytea NOT NULL,
    bodystructure  bytea NOT NULL,
    subject        text COLLATE "C" NOT NULL,
    subject_base   text COLLATE "C" NOT NULL,
    from_key       text COLLATE "C" NOT NULL,
    to_key         text COLLATE "C" NOT NULL,
    cc_key         text COLLATE "C" NOT NULL,
    from_display   text COLLATE "C" NOT NULL,
    to_display     text COLLATE "C" NOT NULL,
    message_id     text COLLATE "C",
    refs           text[] COLLATE "C" NOT NULL,
    list_id        text COLLATE "C",
    preview        text NOT NULL,
    PRIMARY KEY (blob)
) PARTITION BY HASH (blob);
COMMENT ON TABLE content IS 'What FETCH, SORT, THREAD and lists need of a blob; all of it can be recomputed (I4).';
COMMENT ON COLUMN content.version IS 'of the code that computed it';
COMMENT ON COLUMN content.parts IS 'part map: paths, offsets, lengths, encodings, names; src/mime/structure.rs';
COMMENT ON COLUMN content.envelope IS 'ready IMAP text';
COMMENT ON COLUMN content.envelope_utf8 IS 'second form, only where raw UTF-8 header fields occur';
COMMENT ON COLUMN content.refs IS 'References, then In-Reply-To';

CREATE TABLE message (
    mailbox       bigint NOT NULL,
    uid           bigint NOT NULL,
    blob          bigint NOT NULL,
    email         bigint NOT NULL,
    thread        bigint NOT NULL,
    modseq        bigint NOT NULL,
    internal_at   timestamptz NOT NULL,
    saved_at      timestamptz NOT NULL,
    size          integer NOT NULL,
    flags         smallint NOT NULL,
    keywords      smallint[],
    prefix        bytea,
    PRIMARY KEY (mailbox, uid)
) PARTITION BY HASH (mailbox);
COMMENT ON TABLE message IS 'A message in a mailbox. What is read is prefix followed by the blob (I3).';
COMMENT ON COLUMN message.email IS 'EMAILID: the same in every copy';
COMMENT ON COLUMN message.thread IS 'THREADID, fixed at insertion (I12)';
COMMENT ON COLUMN message.size IS 'octets of prefix and blob together';
COMMENT ON COLUMN message.flags IS '1 seen by the owner, 2 answered, 4 flagged, 8 deleted, 16 draft';
COMMENT ON COLUMN message.keywords IS 'ids of keyword, ascending; NULL: none';
COMMENT ON COLUMN message.prefix IS 'fields that we put in front: Return-Path, Delivered-To, Received, Authentication-Results';

DO $$
BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('CREATE TABLE content_%s PARTITION OF content FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
        EXECUTE format('CREATE TABLE message_%s PARTITION OF message FOR VALUES WITH (MODULUS 8, REMAINDER %s)
            WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05)', n, n);
        EXECUTE format('COMMENT ON TABLE content_%s IS ''partition of content''', n);
        EXECUTE format('COMMENT ON TABLE message_%s IS ''partition of message''', n);
    END LOOP;
END $$;
CREATE INDEX message_blob ON message (blob);

CREATE SEQUENCE email_id INCREMENT BY 1000;
COMMENT ON SEQUENCE email_id IS 'message.email and new message.thread, claimed a thousand at a time';

CREATE TABLE thread_ref (
    account bigint NOT NULL,
    ref     bigint NOT NULL,
    thread  bigint NOT NULL,
    PRIMARY KEY (account, ref)
) WITH (fillfactor = 85);
COMMENT ON TABLE thread_ref IS 'Message ids seen by an account and the thread each belongs to.';
COMMENT ON COLUMN thread_ref.ref IS 'first 8 octets of SHA-256 of the message id';

CREATE TABLE seen (
    mailbox bigint NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    person  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    uid     bigint NOT NULL,
    modseq  bigint NOT NULL,
    is_set  boolean NOT NULL,
    PRIMARY KEY (mailbox, person, uid)
);
COMMENT ON TABLE seen IS '\Seen of readers who are not the owner (I6).';
COMMENT ON COLUMN seen.modseq IS 'the mailbox''s modseq of the change, told to this person only';

CREATE TABLE seen_count (
    mailbox bigint NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    person  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    seen    bigint NOT NULL,
    PRIMARY KEY (mailbox, person)
);
COMMENT ON TABLE seen_count IS 'How many messages of a mailbox a reader has seen.';

CREATE TABLE mailbox_change (
    mailbox bigint NOT NULL,
    modseq  bigint NOT NULL,
    kind    smallint NOT NULL,
    person  bigint,
    uids    int8multirange NOT NULL,
    at      timestamptz NOT NULL
);
COMMENT ON TABLE mailbox_change IS 'One row for every flag or expunge transaction; additions are found by UID (I5).';
COMMENT ON COLUMN mailbox_change.kind IS '1 flags, 2 expunged, 3 \Seen of one person';
CREATE INDEX mailbox_change_modseq ON mailbox_change (mailbox, modseq);
CREATE INDEX mailbox_change_at ON mailbox_change (at);

CREATE TABLE restorable (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     bigint NOT NULL,
    mailbox     bigint NOT NULL,
    uid         bigint NOT NULL,
    blob        bigint NOT NULL,
    email       bigint NOT NULL,
    thread      bigint NOT NULL,
    internal_at timestamptz NOT NULL,
    saved_at    timestamptz NOT NULL,
    size        integer NOT NULL,
    flags       smallint NOT NULL,
    keywords    smallint[],
    prefix      bytea,
    expunged_at timestamptz NOT NULL
);
COMMENT ON TABLE restorable IS 'Expunged messages, kept for the undelete window, outside the quota (I5).';
CREATE INDEX restorable_account ON restorable (account, expunged_at);
CREATE INDEX restorable_expunged ON restorable (expunged_at);
CREATE INDEX restorable_blob ON restorable (blob);

CREATE TABLE upload (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account    bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    blob       bigint NOT NULL,
    name       text NOT NULL,
    media_type text NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE upload IS 'Files given to us for a message that is not written yet.';
CREATE INDEX upload_account ON upload (account);
CREATE INDEX upload_blob ON upload (blob);
