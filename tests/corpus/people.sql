-- Twenty thousand people of the first domain, each with an address, a credential that opens nothing, and an Inbox.
INSERT INTO account (domain, local, name, name_key, uidvalidity_last, created_at)
SELECT (SELECT min(id) FROM domain), 'user' || n, 'Name ' || n, 'name ' || n, 1, now() FROM generate_series(1, 20000) n;
INSERT INTO address (domain, local, account, is_primary, created_at)
SELECT domain, local, id, true, now() FROM account WHERE local LIKE 'user%';
INSERT INTO credential (account, kind, sealed, created_at)
SELECT id, 1, 'x', now() FROM account WHERE local LIKE 'user%';
INSERT INTO mailbox (account, name, uidvalidity, created_at)
SELECT id, 'INBOX', 1, now() FROM account WHERE local LIKE 'user%';
ANALYZE;
