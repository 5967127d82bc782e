-- Domains, accounts, groups, addresses.
-- Names are folded by us (lower case, NFC) and compared byte by byte: COLLATE "C".

CREATE TABLE domain (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    alias_of   bigint REFERENCES domain,
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE domain IS 'A domain whose mail we take.';
COMMENT ON COLUMN domain.name IS 'A-labels, lower case, no final dot';
COMMENT ON COLUMN domain.alias_of IS 'the domain whose addresses this one repeats; NULL for one of its own';
COMMENT ON COLUMN domain.is_default IS 'completes bare names when neither listener nor SNI says another';
CREATE UNIQUE INDEX domain_default ON domain ((true)) WHERE is_default;

CREATE TABLE account (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain           bigint NOT NULL REFERENCES domain,
    local            text COLLATE "C" NOT NULL,
    name             text NOT NULL DEFAULT '',
    kind             smallint NOT NULL DEFAULT 0,
    role             smallint NOT NULL DEFAULT 0,
    status           smallint NOT NULL DEFAULT 0,
    generation       bigint NOT NULL DEFAULT 1,
    quota_bytes      bigint,
    quota_messages   bigint,
    uidvalidity_last bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    UNIQUE (domain, local)
);
COMMENT ON TABLE account IS 'Who owns mailboxes: a person, a role or a shared account.';
COMMENT ON COLUMN account.local IS 'folded local part of the main address';
COMMENT ON COLUMN account.kind IS '0 person, 1 role, 2 shared';
COMMENT ON COLUMN account.role IS '0 member, 1 helper, 2 domain admin, 3 owner';
COMMENT ON COLUMN account.status IS '0 active, 1 suspended, 2 being removed';
COMMENT ON COLUMN account.generation IS 'raised by every credential change; a session with an older one has ended (I7)';
COMMENT ON COLUMN account.quota_bytes IS 'NULL: the setting quota.bytes';
COMMENT ON COLUMN account.quota_messages IS 'NULL: the setting quota.messages';
COMMENT ON COLUMN account.uidvalidity_last IS 'last UIDVALIDITY given to a mailbox of this account, for ever rising (I2)';

CREATE TABLE account_group (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain bigint REFERENCES domain,
    name   text COLLATE "C" NOT NULL,
    UNIQUE NULLS NOT DISTINCT (domain, name)
);
COMMENT ON TABLE account_group IS 'A named set of accounts, for rights on mailboxes.';
COMMENT ON COLUMN account_group.domain IS 'NULL: of the whole community';

CREATE TABLE account_group_member (
    account_group bigint NOT NULL REFERENCES account_group ON DELETE CASCADE,
    account       bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    PRIMARY KEY (account_group, account)
);
COMMENT ON TABLE account_group_member IS 'Who is in a group.';
CREATE INDEX account_group_member_account ON account_group_member (account);

CREATE TABLE address (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain     bigint NOT NULL REFERENCES domain,
    local      text COLLATE "C" NOT NULL,
    account    bigint REFERENCES account ON DELETE CASCADE,
    is_primary boolean NOT NULL DEFAULT false,
    enabled    boolean NOT NULL DEFAULT true,
    note       text NOT NULL DEFAULT '',
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (domain, local)
);
COMMENT ON TABLE address IS 'Every local part we know: main addresses, further addresses of an account, aliases.';
COMMENT ON COLUMN address.local IS 'folded: lower case, NFC';
COMMENT ON COLUMN address.account IS 'who receives and may send as it; NULL for an alias, whose targets are in address_target';
CREATE INDEX address_account ON address (account);
CREATE UNIQUE INDEX address_primary ON address (account) WHERE is_primary;

CREATE TABLE address_target (
    address bigint NOT NULL REFERENCES address ON DELETE CASCADE,
    n       smallint NOT NULL,
    account bigint REFERENCES account ON DELETE CASCADE,
    remote  text COLLATE "C",
    PRIMARY KEY (address, n),
    CHECK ((account IS NULL) <> (remote IS NULL))
);
COMMENT ON TABLE address_target IS 'Where an alias leads: accounts here or addresses elsewhere.';
CREATE INDEX address_target_account ON address_target (account);
