sign-in-title = Sign in
sign-in-at = Sign in at { $host }
sign-in-name = Address or name

sign-in-password = Password
sign-in-button = Sign in

sudo-title = Is it still you?
sudo-words = What you are about to do could give your account away. Type your password once more; it counts for a quarter of an hour.
sudo-password = Password
sudo-button = Go on


sudo-go-on-title = Thank you, { $name }
sudo-go-on-words = What you filled in is still here.
sudo-go-on-button = Go on where you were
