# What others did to the member's own account.
record-title = What was done to your account
record-lead = Every act of administrators and of the server itself on your account, newest first. Nothing here can be changed or removed. If one is strange to you, ask who did it.
record-none = Nothing was done to it
record-none-text = When an administrator changes something of your account, it stands here.
record-pages = Pages of the record
record-shown = { $count ->
    [one] { $count } act on this page
   *[other] { $count } acts on this page
}
record-first = Newest
record-older = Older
