-- Mail that waits to go out. Claimed with SKIP LOCKED and a lease, so any number of processes may work on it.

CREATE TABLE queue (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    blob       bigint NOT NULL,
    account    bigint,
    sender     text NOT NULL,
    envid      text,
    ret        smallint,
    body       smallint NOT NULL DEFAULT 0,
    smtputf8   boolean NOT NULL DEFAULT false,
    size       bigint NOT NULL,
    held       boolean NOT NULL DEFAULT false,
    hold_until timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE queue IS 'A message on its way out.';
COMMENT ON COLUMN queue.account IS 'who submitted it; NULL: the appliance or a forward';
COMMENT ON COLUMN queue.sender IS 'reverse path; empty: the null sender';
COMMENT ON COLUMN queue.ret IS '0 headers, 1 full; NULL: not asked (RFC 3461 section 4.3)';
COMMENT ON COLUMN queue.body IS '0 7BIT, 1 8BITMIME, 2 BINARYMIME';
COMMENT ON COLUMN queue.held IS 'by an admin: waits until released';
COMMENT ON COLUMN queue.hold_until IS 'not before this time (undo send, FUTURERELEASE)';
CREATE INDEX queue_blob ON queue (blob);

CREATE TABLE queue_recipient (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue        bigint NOT NULL REFERENCES queue ON DELETE CASCADE,
    address      text COLLATE "C" NOT NULL,
    domain       text COLLATE "C" NOT NULL,
    orcpt        text,
    notify       smallint NOT NULL DEFAULT 0,
    prefix       bytea,
    status       smallint NOT NULL DEFAULT 0,
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    tried_at     timestamptz,
    code         smallint,
    answer       text NOT NULL DEFAULT '',
    delay_told   boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);
COMMENT ON TABLE queue_recipient IS 'One recipient of a queued message and how it fares.';
COMMENT ON COLUMN queue_recipient.notify IS '1 never, 2 success, 4 failure, 8 delay; 0: not asked';
COMMENT ON COLUMN queue_recipient.prefix IS 'fields put in front for this recipient';
COMMENT ON COLUMN queue_recipient.status IS '0 waiting, 1 delivered, 2 failed';
COMMENT ON COLUMN queue_recipient.leased_until IS 'a worker has it until then';
COMMENT ON COLUMN queue_recipient.answer IS 'last words of the remote side or our own reason';
CREATE INDEX queue_recipient_due ON queue_recipient (due_at) WHERE status = 0;
CREATE INDEX queue_recipient_queue ON queue_recipient (queue);
