# Settings: names and reasons; their keys are made of the setting's name.
setting-title = Settings
setting-lead = A change is in force at once, unless it says otherwise. The defaults suit most communities.
setting-search = Search settings
setting-search-hint = Quota, size, sign-in …
setting-search-go = Search
setting-none-found = No setting fits “{ $q }”
setting-none-found-text = Try another word, or look at all of them.
setting-show-all = Show all settings
setting-changed = Changed
setting-is-default = The default
setting-default = Default: { $value }
setting-by = By { $who }, { $when }
setting-change = Change
setting-save = Save
setting-reset = Back to the default
setting-cancel = Cancel
setting-close = Close
setting-unit = Unit
setting-on = On
setting-off = Off
setting-none = None
setting-limits = From { $least } to { $most }.
setting-hint-host = A name such as mail.example.org, or nothing.
setting-problem-number = Give a whole number. { $limits }
setting-problem-host = This is no host name. It looks like mail.example.org; empty, it is the machine’s own.
setting-history = Changes
setting-history-link = Earlier changes
setting-no-history = It was never changed.
setting-when = When
setting-who = Who
done-setting = “{ $thing }” is changed.

setting-unit-b = bytes
setting-unit-kib = KiB
setting-unit-mib = MiB
setting-unit-gib = GiB
setting-unit-tib = TiB
setting-unit-s = seconds
setting-unit-m = minutes
setting-unit-h = hours
setting-unit-d = days
setting-time-s = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
setting-time-m = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
setting-time-h = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
setting-time-d = { $count ->
    [one] { $count } day
   *[other] { $count } days
}

settings-group-server = Server
settings-group-delivery = Receiving mail
settings-group-queue = Sending mail
settings-group-storage = Storage
settings-group-sign-in = Signing in

setting-word-defer = Ask the sender to try again
setting-word-refuse = Send it back at once

setting-delivery-budget-name = Memory for receiving
setting-delivery-budget-reason = For all messages that are being received at once. More lets more large mail in at the same time. Takes effect at the next start.
setting-delivery-over-quota-name = Mail for a full mailbox
setting-delivery-over-quota-reason = Trying again gives the member time to make room; sending back tells the sender at once.
setting-disk-reserve-name = Free disk space to keep
setting-disk-reserve-reason = Below it nothing new is taken, so that the database never runs out of space. On a small disk 5 % of it are enough.
setting-login-failures-name = Failed sign-ins for one address
setting-login-failures-reason = After so many, further tries for that address are refused unseen for a while.
setting-login-failures-peer-name = Failed sign-ins from one place
setting-login-failures-peer-reason = The same for one network address. Higher, because many members may share one.
setting-login-window-name = Time until tries start anew
setting-login-window-reason = How long after the last failed sign-in the count begins again.
setting-login-scram-sha1-name = SCRAM-SHA-1 for old mail programs
setting-login-scram-sha1-reason = Only for programs that know nothing newer. Works for passwords that are set afterwards.
setting-message-size-name = Largest message
setting-message-size-reason = Larger ones are refused wherever they come in. Most of the world takes 25 to 50 MiB.
setting-queue-expiry-name = Give up sending after
setting-queue-expiry-reason = The sender is then told that the message could not be delivered. Mail standards ask for four to five days.
setting-queue-delay-notice-name = Tell the sender about a delay after
setting-queue-delay-notice-reason = So that they know that the message is still waiting.
setting-quota-bytes-name = Space for mail
setting-quota-bytes-reason = For everybody who has no limit of their own. 0 is no limit.
setting-retention-changes-name = Remember changes for
setting-retention-changes-reason = A mail program that was away for less than that catches up fast.
setting-retention-expunged-name = Keep deleted mail for
setting-retention-expunged-reason = Until then it can be brought back. It does not count against anybody’s space.
setting-server-hostname-name = Name of this server
setting-server-hostname-reason = By which the world reaches it, as in its certificate. Empty: the machine’s own. A name in mailstead.toml goes before it. Takes effect at the next start.

setting-send-undo-name = Time to undo sending
setting-send-undo-reason = A message written in the browser waits this long before it goes, so that sending can be undone. 0 sends at once.
