# The claim of a fresh server and its setup.
unclaimed-title = This server has no owner yet
unclaimed-words = Mailstead runs here, and nobody has claimed it. Until then there is nothing else to see.
unclaimed-how = To claim it, run this on the server and open the link that it prints:
unclaimed-why = The link works once, for an hour. Only who can run commands on the server gets one.

setup-begin-words = Mailstead runs here, and nobody has claimed it yet. Whoever goes on becomes its first owner.
setup-begin-bound = The link then belongs to this browser, and to no other.
setup-begin = Begin

setup-link-title = This link can’t be used here
setup-link-elsewhere = Somebody, perhaps you, opened it in another browser on { $at }. It belongs to that browser now.
setup-link-over = It is mistyped, was used already, is more than an hour old, or a newer one was made.
setup-link-do = Make a new link on the server; the old one is void then:

setup-steps = Steps
setup-count = Step { $now } of { $all }
setup-now = now
setup-done-word = done
setup-later-word = to come
setup-later = Later
setup-go-on = Go on
setup-problem = This needs another look

setup-you = You
setup-second-factor = Second factor
setup-codes = Recovery codes
setup-name = Name of the server
setup-domain = First domain
setup-certificate = Certificate

setup-title = Claim this server
setup-you-words = You become its first owner. Owners may do everything here, and can make others owners.
setup-your-name = Your name
setup-your-name-hint = Shown to those you write to.
setup-name-missing = Type your name.
setup-address = Your address
setup-address-hint = Such as ann@example.org. Its domain becomes the first that this server takes mail for.
setup-address-wrong = An address has a name, an @ and a domain, such as ann@example.org.
setup-address-taken = There is an account or alias with this address already. Choose another one.
setup-claim = Claim the server

setup-factor-words = An owner’s password alone must not be enough: it opens everybody’s settings.
setup-codes-seen = Your ten recovery codes were shown once, right after you confirmed the authenticator app. If you did not keep them, make new ones.
setup-codes-kept = I have kept my recovery codes
setup-codes-kept-hint = Without them, a lost phone shuts you out of your own server.
setup-codes-not-kept = Keep the codes, then tick that you have. If they are gone from the screen, make new ones.

setup-name-words = By this name the world reaches the server: mail programs, other servers, browsers. It stands in its certificate.
setup-host = Host name
setup-host-hint = Such as mail.example.org. A change takes effect when Mailstead is started the next time.
setup-host-fixed = The configuration file mailstead.toml says so. To change it, change it there and restart.
setup-host-wrong = A host name has two or more parts with dots between them, such as mail.example.org, and is no number.

setup-domain-words = Mail for { $domain } is taken from now on. For other servers to find the way, a record belongs into the DNS of the domain. Whoever looks after it can add it.
setup-domain-mx = To receive mail
setup-domain-out = Mail to other domains goes by the smarthost that mailstead.toml names under [outbound]; without one it waits here.
setup-domain-host = The name { $host } itself needs an A or AAAA record with the address of this server.
setup-domain-button = Go on

setup-certificate-own = This server made its certificate itself. Traffic is encrypted, but browsers and mail programs warn, since nobody else vouches for it.
setup-certificate-compare = To be sure that you are talking to your own server, compare the fingerprint below with the one that your browser shows for this page.
setup-certificate-files = This server uses the certificate that mailstead.toml names.
setup-certificate-print = SHA-256 fingerprint
setup-certificate-better = For a certificate of your own, put its files into [tls] of mailstead.toml and restart. A renewed one is read again on SIGHUP.
setup-finish = Finish

setup-done-title = Your server is set up
setup-done-words = Now others can have mailboxes here. You make the account and hand over a link; each chooses a password that you never see.
setup-done-restart = Restart Mailstead when it suits you: from then on it is called { $host }. A certificate that it made itself is made anew for that name, so browsers ask once more.
setup-done-people = Add people
setup-done-second = Make a second owner soon: if you lose phone and recovery codes, somebody else can still look after the server.
