# What services refuse: the key is made of the English words in the code (text::key_of).

refusal-a-mailbox-can-t-be-moved-below-itself = A mailbox can’t be moved below itself.
refusal-a-mailbox-can-t-be-named-or = A mailbox can’t be named . or ...
refusal-a-password-has-at-least-8-characters = A password has at least 8 characters.
refusal-a-password-has-at-most-1024-octets = A password has at most 1024 octets.
refusal-a-password-has-no-control-characters = A password has no control characters.
refusal-an-account-s-address-has-no-and-its-name-no-control-characters = An account’s address has no + and its name no control characters.
refusal-an-alias-has-1-to-100-targets = An alias has 1 to 100 targets.
refusal-another-mailbox-has-that-special-use = Another mailbox has that special use.
refusal-it-has-mailboxes-below-it = It has mailboxes below it.
refusal-not-one-of-the-words-this-setting-knows = Not one of the words this setting knows.
refusal-postmaster-and-abuse-lead-to-the-owners-and-can-t-be-an = Postmaster and abuse lead to the owners and can’t be an account.
refusal-the-domain-still-has-accounts-aliases-or-alias-domains = The domain still has accounts, aliases or alias domains.
refusal-the-key-file-is-not-the-one-this-database-was-sealed-with = The key file is not the one this database was sealed with: put the right file back.
refusal-the-message-needs-a-from-field-with-an-address = The message needs a From field with an address.
refusal-the-name-is-there-already-and-can-t-be-given-a-use = The name is there already and can’t be given a use.
refusal-the-names-below-it-would-have-too-many-levels-or-octets = The names below it would have too many levels or octets.
refusal-this-domain-repeats-another-s-addresses-name-that-one = This domain repeats another’s addresses: name that one.
refusal-too-many-keywords = Too many keywords.
refusal-too-many-mailboxes = Too many mailboxes.
refusal-too-many-subscriptions = Too many subscriptions.
refusal-true-or-false = True or false.
