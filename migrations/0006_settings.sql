-- Settings edited in the browser, and the audit of every administrative and credential act (I9).

CREATE TABLE setting (
    name       text COLLATE "C" PRIMARY KEY,
    value      jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
COMMENT ON TABLE setting IS 'Values that differ from their defaults; src/service/settings.rs has names, types, defaults, reasons.';
COMMENT ON COLUMN setting.value IS 'number of octets, seconds or things, word or switch';
COMMENT ON COLUMN setting.changed_at IS 'last change; the audit has them all';
COMMENT ON COLUMN setting.changed_by IS 'name of the actor, as in audit.actor_name';

CREATE TABLE audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor        bigint,
    actor_name   text NOT NULL,
    origin       text NOT NULL,
    action       text COLLATE "C" NOT NULL,
    subject      bigint,
    subject_name text NOT NULL,
    before       jsonb,
    after        jsonb
);
COMMENT ON TABLE audit IS 'Who did what, for whom, from where. The runtime role may only insert and read.';
COMMENT ON COLUMN audit.actor IS 'account; NULL: the command line or the appliance itself';
COMMENT ON COLUMN audit.subject IS 'account concerned; no foreign key, rows outlive accounts';
COMMENT ON COLUMN audit.at IS 'when';
COMMENT ON COLUMN audit.actor_name IS 'name or address at that time';
COMMENT ON COLUMN audit.origin IS 'network address, or local';
COMMENT ON COLUMN audit.action IS 'dotted: account.add, password.set';
COMMENT ON COLUMN audit.subject_name IS 'address or name of what was acted on, at that time';
COMMENT ON COLUMN audit.before IS 'what it was; never a secret';
COMMENT ON COLUMN audit.after IS 'what it became; never a secret';
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_subject ON audit (subject, at);
CREATE INDEX audit_actor ON audit (actor, at);
