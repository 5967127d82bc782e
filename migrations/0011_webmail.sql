-- What mail in the browser needs beside what IMAP does: lists by date, conversations, drafts, files, mail held back.

CREATE INDEX message_date ON message (mailbox, internal_at, uid);
CREATE INDEX message_thread ON message (thread);

-- A file is written piece by piece before its hash is known, under a number that its blob may get.
ALTER TABLE upload ADD COLUMN size bigint NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN whole boolean NOT NULL DEFAULT false;
ALTER TABLE upload ADD COLUMN draft bigint;
COMMENT ON COLUMN upload.size IS 'octets so far';
COMMENT ON COLUMN upload.whole IS 'false: still coming; its chunks stand under a number that no row of blob has yet';
COMMENT ON COLUMN upload.draft IS 'the draft it belongs to; NULL: none yet';
CREATE INDEX upload_draft ON upload (draft);

CREATE TABLE draft (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account       bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    revision      bigint NOT NULL DEFAULT 1,
    sender        text NOT NULL,
    to_text       text NOT NULL,
    cc_text       text NOT NULL,
    bcc_text      text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    mode          smallint NOT NULL,
    source        bigint,
    source_uid    bigint,
    in_reply_to   text,
    refs          text[] NOT NULL,
    message_id    text NOT NULL,
    mailbox       bigint,
    uid           bigint,
    filed         bigint NOT NULL DEFAULT 0,
    held          boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    discarded_at  timestamptz,
    form          text COLLATE "C",
    UNIQUE (account, form)
);
COMMENT ON TABLE draft IS 'A message being written in the browser.';
COMMENT ON COLUMN draft.revision IS 'raised by every save; a save of an older one makes a draft of its own';
COMMENT ON COLUMN draft.sender IS 'address it is to be sent as';
COMMENT ON COLUMN draft.to_text IS 'as typed';
COMMENT ON COLUMN draft.cc_text IS 'as typed';
COMMENT ON COLUMN draft.bcc_text IS 'as typed';
COMMENT ON COLUMN draft.body IS 'plain text';
COMMENT ON COLUMN draft.mode IS '0 new, 1 reply, 2 reply to all, 3 forward';
COMMENT ON COLUMN draft.source IS 'mailbox of the message it answers or forwards';
COMMENT ON COLUMN draft.source_uid IS 'and its UID, to mark it when this is sent';
COMMENT ON COLUMN draft.in_reply_to IS 'message id without angle brackets';
COMMENT ON COLUMN draft.refs IS 'message ids for References';
COMMENT ON COLUMN draft.mailbox IS 'where its copy for other clients was put';
COMMENT ON COLUMN draft.uid IS 'UID of that copy; it may have been removed since';
COMMENT ON COLUMN draft.filed IS 'revision of that copy; 0: there was none';
COMMENT ON COLUMN draft.held IS 'being sent: nobody writes it meanwhile';
COMMENT ON COLUMN draft.updated_at IS 'last save';
COMMENT ON COLUMN draft.discarded_at IS 'thrown away; can be had back for a day';
COMMENT ON COLUMN draft.form IS 'key of the page that began it: sent twice, it begins one';
CREATE INDEX draft_account ON draft (account, updated_at);
CREATE INDEX draft_message ON draft (mailbox, uid);
CREATE INDEX draft_discarded ON draft (discarded_at) WHERE discarded_at IS NOT NULL;

CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account      bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    draft        bigint NOT NULL UNIQUE REFERENCES draft ON DELETE CASCADE,
    revision     bigint NOT NULL,
    blob         bigint NOT NULL,
    size         bigint NOT NULL,
    sender       text NOT NULL,
    recipients   text[] NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL
);
COMMENT ON TABLE outbox IS 'Mail of members that is held back for a moment, so that sending can be undone.';
COMMENT ON COLUMN outbox.draft IS 'what is sent; it goes with the mail';
COMMENT ON COLUMN outbox.revision IS 'of the draft that is sent: sending it once more is the same act';
COMMENT ON COLUMN outbox.sender IS 'reverse path';
COMMENT ON COLUMN outbox.recipients IS 'addresses of the envelope';
COMMENT ON COLUMN outbox.due_at IS 'when it goes';
COMMENT ON COLUMN outbox.leased_until IS 'a worker has it until then; who removes the row sends it';
CREATE INDEX outbox_due ON outbox (due_at);
CREATE INDEX outbox_account ON outbox (account);
CREATE INDEX outbox_blob ON outbox (blob);

CREATE TABLE preference (
    account    bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    seen_after smallint,
    theme      smallint NOT NULL,
    language   text,
    remote     smallint NOT NULL,
    shortcuts  boolean NOT NULL,
    density    smallint NOT NULL
);
COMMENT ON TABLE preference IS 'How a member wants the browser to show mail; no row: the defaults.';
COMMENT ON COLUMN preference.seen_after IS 'seconds after which an opened message counts as read; NULL: never by itself';
COMMENT ON COLUMN preference.theme IS '0 as the system, 1 light, 2 dark';
COMMENT ON COLUMN preference.language IS 'tag (RFC 5646); NULL: what the browser asks for';
COMMENT ON COLUMN preference.remote IS 'content from elsewhere in mail: 0 ask, 1 always, 2 never';
COMMENT ON COLUMN preference.shortcuts IS 'single keys do something';
COMMENT ON COLUMN preference.density IS '0 comfortable, 1 compact';

CREATE TABLE remote_allowed (
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    sender  text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, sender)
);
COMMENT ON TABLE remote_allowed IS 'Senders whose content from elsewhere is always shown.';
COMMENT ON COLUMN remote_allowed.sender IS 'address, folded';
