sign-in-title = Sign in
sign-in-at = Sign in at { $host }
sign-in-name = Address or name
sign-in-name-hint = As in ann@example.org, or just ann
sign-in-password = Password
sign-in-button = Sign in

sudo-title = Is it still you?
sudo-words = What you are about to do could give your account away. Type your password once more; it counts for a quarter of an hour.
sudo-password = Password
sudo-button = Go on
sudo-code = Code
sudo-code-hint = Six digits from your app, or a recovery code
sudo-go-on-title = Thank you, { $name }
sudo-go-on-words = What you filled in is still here.
sudo-go-on-button = Go on where you were
