# What every page says.
base-product = Mailstead
base-skip = Skip to the main part
base-notices = Notices
base-source = Source code
base-look = Language and theme
base-menu = Menu
base-areas = Areas
base-mail = Mail
base-admin = Administration
base-settings = Settings
base-account = Account
base-sign-out = Sign out
base-folders = Folders
base-messages = Messages
base-message = Message
base-compose = Write
base-undo = Undo
base-close = Close
base-again = Sign in again
base-again-words = You were signed out meanwhile. What you are writing stays as it is.

base-settings-sign-in = Sign-in
base-settings-apps = App passwords
base-settings-sessions = Sessions
base-settings-record = Done by others
base-settings-reading = Reading mail
base-settings-look = Language and theme

base-admin-people = People
base-admin-domains = Domains
base-admin-settings = Settings
base-admin-audit = Record

# The title of a page that is called by what it shows.
base-title = { $thing }
