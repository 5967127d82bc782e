# The person's own settings.
settings-where = Where you are
settings-password = Password
settings-password-since = Last changed on { $at }.
settings-password-change = Change password
settings-factor = Second factor
settings-factor-on = On
settings-factor-none = Off
settings-factor-since = Codes of an authenticator app, since { $at }.
settings-factor-why = Whoever learns your password can sign in as you. A second factor stops that.
settings-factor-must = Your role in this community can’t be without it.
settings-factor-begin = Set up a second factor
settings-factor-codes = New recovery codes
settings-factor-move = Move to another phone
settings-factor-off = Switch off
settings-apps =
    { $count ->
        [0] You have none. Each mail program can have its own, which is revoked alone.
        [one] You have one.
       *[other] You have { $count }.
    }
settings-apps-open = See app passwords
settings-history = Sign-ins
settings-history-words = Sign-ins in a browser and refused tries at any door, newest first; at most the last fifty of 90 days. If one is strange to you, change your password.
settings-history-when = When
settings-history-result = Result
settings-history-with = With
settings-history-from = From
settings-history-ok = Signed in
settings-history-failed = Refused

password-title = Change your password
password-problem = Your password was not changed
password-current = Current password
password-current-wrong = The current password is wrong. Check it, capital letters too, and try again.
password-new = New password
password-hint = At least 12 characters. Four or five words that don’t belong together are good, and a password manager’s are better.
password-show = Show the password
password-then = What happens then
password-then-web = All other browsers that are signed in as you are signed out. This one stays.
password-then-mail = Mail programs that use this password ask for the new one.
password-then-second = Mail programs don’t use this password. They sign in anew by themselves.
password-then-apps =
    { $count ->
        [one] Your app password goes on working.
       *[other] Your { $count } app passwords go on working.
    }
password-button = Change password
password-leave = Leave it as it is
done-password-changed = Your password is changed. All other browsers were signed out.

app-lead = A mail program can use a password of its own in place of yours. If the device is lost, you revoke that one alone.
app-lead-second = Since you have a second factor, mail programs can’t use your own password. Each gets one of these.
app-problem = No app password was made
app-none = No app passwords yet
app-none-words = Make one below for each mail program or device.
app-list = Your app passwords
app-label = Name
app-made = Made
app-used = Last used
app-never = Never
app-revoke = Revoke
app-revoke-which = : { $name }
app-new = New app password
app-name = For which program or device
app-name-hint = Such as “Thunderbird on the laptop”. Up to 60 characters.
app-new-words = Your other browsers are signed out by this, and mail programs sign in anew by themselves.
app-make = Make app password
app-made-title = Your new app password
app-made-words = This is the password for { $name }. It is shown this one time.
app-made-how = Type it into the mail program in place of your password. Blanks and hyphens don’t matter.
app-made-done = Done
app-user = User name
app-revoke-title = Revoke { $name }?
app-revoke-words = The program that uses it is signed out at once and can’t come back with it. Your other browsers are signed out too; other mail programs sign in anew by themselves. This can’t be undone, but you can make another one.
app-keep = Keep it
done-app-revoked = The app password { $thing } is revoked.
done-app-repeated = Nothing was made: that form had been sent before. If you did not keep the password it showed, revoke it and make another.

session-lead = Browsers that are signed in as you. End those you don’t know or no longer use.
session-list = Browsers
session-browser = Browser
session-from = From
session-since = Since
session-used = Last used
session-this = This one
session-end = Sign out
session-end-which = : { $browser }, { $peer }
session-end-others = Sign out all others
session-mail = Mail programs are not listed here: see when each last signed in under App passwords. A new password signs everything out.
done-session-ended = That browser is signed out.
done-sessions-ended =
    { $count ->
        [0] There were no others.
        [one] One other browser is signed out.
       *[other] { $count } other browsers are signed out.
    }

look-lead = These go with you to every browser that you sign in with.
look-theme = Theme
look-theme-system = Like the system
look-theme-system-text = Light or dark, as your device is set
look-theme-light = Light
look-theme-light-text = Dark letters on warm paper
look-theme-dark = Dark
look-theme-dark-text = Light letters on a dark ground
look-language = Language
look-language-hint = Where a text is not there in your language, it is in English.
look-language-browser = What the browser asks for
look-language-en = English
look-save = Save
done-look = Saved.
