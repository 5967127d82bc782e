reading-lead = How mail is shown to you, in every browser that you sign in with.
reading-seen = A message counts as read
reading-seen-hint = Mail programs see the same mark.
reading-after = { $count ->
    [0] as soon as it is opened
    [one] after one second
   *[other] after { $count } seconds
}
reading-never = only when you mark it
reading-remote = Pictures from elsewhere
reading-remote-hint = Loading them tells the sender that you read the message, when and from where.
reading-remote-ask = Ask
reading-remote-ask-text = They are left out until you say so, once or for a sender.
reading-remote-always = Load them always
reading-remote-always-text = You are never asked.
reading-remote-never = Leave them out
reading-remote-never-text = The senders you allowed before are left out too. You can still load them once.
reading-shortcuts = Single keys do something
reading-shortcuts-hint = In mail, press ? to see which.
reading-compact = Lines stand closer
reading-compact-hint = More of them fit on the screen.
reading-save = Save
reading-senders = Senders whose pictures are loaded
reading-sender = Sender
reading-sender-remove = Take off the list
done-reading = This is how mail is shown from now on.
done-reading-sender = Pictures of { $thing } are left out again.
