# A second factor, its recovery codes.
factor-title = Set up a second factor
factor-must = Your account can do things to others. It needs a second factor before anything else.
factor-what = You will need an authenticator app on your phone or computer, such as Aegis, FreeOTP, 2FAS or a password manager. It shows a new six-digit code twice a minute. Whoever steals your password can’t sign in without it.
factor-replaces = This replaces the authenticator you use now, and its recovery codes. Both stay good until the new one is confirmed.
factor-then = What changes
factor-then-web = At each sign-in here you are asked for a code after your password.
factor-then-mail = Mail programs no longer take your password. Each gets an app password of its own, which you make here.
factor-then-sessions = All other browsers are signed out, and mail programs sign in anew.
factor-begin = Begin
factor-leave = Not now
factor-keep = Keep it on

factor-scan-title = Connect your authenticator app
factor-app = Open your authenticator app and add an account.
factor-scan = Scan this picture with it.
factor-picture = QR code with the secret for your authenticator app
factor-secret = No camera? Type this secret instead: time-based, six digits.
factor-copy = Copy
factor-copied = Copied
factor-type = Type the code that the app shows now.
factor-code = Code
factor-code-wrong = This code does not fit. See that the clock of your phone is right, wait for the next code and type that.
factor-confirm = Confirm

factor-codes-title = Your recovery codes
factor-codes-words = If you lose your phone, each of these codes lets you in once. They are shown this one time. Keep them where your phone is not: printed, or in a password manager.
factor-codes-label = Recovery codes
factor-codes-save = Save as a file
factor-codes-print = Print
factor-codes-kept = I have kept them
factor-codes-new = These replace your earlier recovery codes, which are void now.
factor-on = The second factor is on.
factor-apps = Mail programs no longer take your password: make an app password for each.
factor-apps-link = Make app passwords
# First line of the file
factor-file = Recovery codes of { $address } at { $host }. Each works once.

factor-left =
    { $count ->
        [0] No recovery codes are left.
        [one] One recovery code is left.
       *[other] { $count } recovery codes are left.
    }
factor-remake-title = New recovery codes
factor-remake-words = New ones make all earlier codes void.
factor-remake-button = Make new codes
factor-ends-sessions = All your other browsers are signed out, and mail programs sign in anew by themselves.
factor-off-title = Switch the second factor off
factor-off-words = Your password alone will open your account, here and in mail programs. Your recovery codes become void; app passwords go on working.
factor-off-button = Switch it off
done-factor-off = The second factor is off. All other browsers were signed out.
