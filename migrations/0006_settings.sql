-- Settings edited in the browser, and the audit of every administrative and credential act (I9).

CREATE TABLE setting (
    name       text COLLATE "C" PRIMARY KEY,
    value      jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
COMMENT ON TABLE setting IS 'Values that differ from their defaults; src/service/settings.rs has names, types, defaults, reasons.';

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
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_subject ON audit (subject, at);
CREATE INDEX audit_actor ON audit (actor, at);
