# The first password by an activation link.
welcome-title = Welcome
welcome-name = Welcome, { $name }
welcome-words = A mailbox is ready for you at { $host }. Choose a password that only you know; nobody here will ever ask for it.
welcome-password = Password
welcome-button = Open my mailbox

welcome-over-title = This link is no longer good
welcome-over-words = It has been used already, was replaced by a newer one, or is more than 14 days old.
welcome-over-do = If you have set your password, sign in with it. If not, ask whoever gave you the link for a new one.

welcome-ready-title = Your mailbox is ready
welcome-ready-words = Your address is
welcome-mail = Open mail
welcome-programs = Use a mail program
welcome-programs-words = Thunderbird, Apple Mail, K-9 and others work with these settings.
welcome-incoming = Incoming, IMAP
welcome-outgoing = Outgoing, SMTP
welcome-tls = port { $port }, TLS
welcome-starttls = port { $port }, STARTTLS
welcome-own-password = Your own
welcome-app-password = An app password for each program
welcome-safe = Keep it yours
welcome-safe-words = With a second factor nobody gets in by your password alone.
welcome-safe-second = You have a second factor. Keep your recovery codes where your phone is not.
