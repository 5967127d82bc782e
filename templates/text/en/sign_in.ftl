# Signing in, and proving it anew.
sign-in-title = Sign in
sign-in-at = at { $host }
sign-in-name = Address or name
sign-in-password = Password
sign-in-button = Sign in
sign-in-wrong = Name or password is wrong. Check both, capital letters too, and try again.
sign-in-help = Can’t sign in? Ask an administrator of your community. They can’t see your password, and will never ask you for it.

sign-in-code-title = Second step
sign-in-code-words = Your password is right. Now the code that your authenticator app shows.
sign-in-code = Code
sign-in-code-hint = Six digits, or one of your recovery codes.
sign-in-code-wrong = This code is wrong, or was used already. Wait until the app shows the next one, then type that.
sign-in-as-another = Sign in as somebody else
sign-in-recovery-used =
    { $count ->
        [0] That was your last recovery code: make new ones in Settings, Sign-in.
        [one] You used a recovery code; one is left. Make new ones in Settings, Sign-in.
       *[other] You used a recovery code; { $count } are left.
    }

# After a sign-in. { $from } is sign-in-place
sign-in-last = You last signed in on { $at } from { $from }.
sign-in-failed = A try with a wrong password or code was refused on { $at }, from { $from }.
sign-in-place = { $peer } ({ $with })
done-signed-in = { $thing }

agent-both = { $browser } on { $system }
agent-system = A browser on { $system }
agent-unknown = An unknown browser
agent-program = Mail program, { $protocol }

sudo-title = Is it still you?
sudo-words = What comes next could give your account away. Type your password once more; it counts for a quarter of an hour.
sudo-words-code = What comes next could give your account away. Type your password and a code once more; they count for a quarter of an hour.
sudo-problem = This does not prove it yet
sudo-wrong = The password is wrong. Check it, capital letters too, and try again.
sudo-password = Password
sudo-button = Go on

sudo-go-on-title = Thank you
sudo-go-on-words = It is you. What you filled in is still here; nothing was done with it yet.
sudo-go-on-button = Go on where you were
