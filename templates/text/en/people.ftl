# People: the list, adding somebody, and the one-time link.
people-title = People
people-setup-left = This server is not quite set up
people-setup-left-text = A few steps are left: its name, the first domain, its certificate.
people-where = Where you are
people-add = Add a person
people-search = Name or address
people-search-go = Search
people-states = Who is shown
people-all = Everybody
people-active = Active
people-waiting = Waiting
people-suspended = Suspended
people-state-active = Active
people-state-waiting = Waiting
people-state-suspended = Suspended
people-name = Name
people-state = State
people-last = Last sign-in
people-used = Space used
people-used-of = { $used } of { $quota }
people-never = Never
people-pages = Pages of people
people-shown = { $count ->
    [one] { $count } person on this page
   *[other] { $count } people on this page
}
people-first = From the beginning
people-next = Next
people-show-all = Show everybody
people-none-found = Nobody fits “{ $q }”
people-none-found-text = A part of a name, of an address or of an alias is enough. Check the spelling, or look at everybody.
people-none-suspended = Nobody is suspended
people-none-suspended-text = Whoever is suspended can’t sign in and gets no mail; their mailbox is kept. They would be listed here.
people-none-waiting = Nobody is waiting
people-none-waiting-text = Whoever was added and has not set a password yet would be listed here.
people-alone = You are the only one so far
people-alone-text = Add the people of your community: each gets a link by which they choose their own password.

people-add-title = Add a person
people-add-lead = They get a link from you and choose their own password. Mail to the address is taken from now on.
people-problems = { $count ->
    [one] One thing is still to be put right
   *[other] { $count } things are still to be put right
}
people-field-name = Name
people-field-name-hint = As others see it beside the address. It may stay empty.
people-field-address = Address
people-field-address-hint = Letters, digits, dots and dashes before the @.
people-field-domain = Domain
people-field-role = Role
people-field-quota = Space for mail
people-field-quota-unit = Unit of the space
people-quota-hint = Empty: as everybody else, { $size }. 0: no limit.
people-quota-hint-none = Empty: as everybody else, without a limit.
people-add-button = Add and show the link
people-cancel = Cancel
people-problem-local-empty = Say what stands before the @.
people-problem-local = This can’t stand before the @: use letters, digits, dots and dashes, at most 64.
people-problem-taken = This address is taken, by a person or an alias. Choose another one.
people-problem-quota = Give a whole number, such as 5, or leave it empty.

people-invited-title = Hand this link to { $name }
people-invited-crumb = Link
people-invited-text = { $address } exists. Whoever opens this link first chooses its password, so give it to nobody else.
people-invited-once = This link is shown only now
people-invited-once-text = We keep no copy of it. Take it along before you leave this page, and give it to { $name } in person or by a channel that you trust.
people-invited-until = Good until
people-invited-sees = What it shows
people-invited-sees-text = The address and a field for a new password. It works once; after that they are signed in.
people-invited-lost = If it gets lost
people-invited-lost-text = Make a new one on the page of { $name }. The old one then stops working.
people-copy = Copy
people-copied = Copied
people-add-another = Add another person
people-to-person = Go to their page
done-person-added = { $thing } was added a moment ago.

role-member = Member
role-member-text = Reads and writes mail, and looks after their own account.
role-helper = Helper
role-helper-text = A member whom others ask; more rights come with the approval of new people.
role-domain-admin = Domain administrator
role-domain-admin-text = Adds people to their own domain and looks after its members. Signs in with a second factor.
role-owner = Owner
role-owner-text = May do everything on this server. Signs in with a second factor.
