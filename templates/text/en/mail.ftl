# Reading mail.

## Folders
mail-inbox = Inbox
mail-drafts = Drafts
mail-sent = Sent
mail-archive = Archive
mail-junk = Junk
mail-trash = Trash
mail-unread-count = { $count } unread
mail-folders = Folders
mail-folders-manage = Manage folders
mail-folder-all = Your folders
mail-folder-new = Make a folder
mail-folder-name = Name
mail-folder-inside = Inside
mail-folder-inside-hint = Folders can lie in folders. Mail programs show the same tree.
mail-folder-top = Nothing: it stands by itself
mail-folder-make = Make folder
mail-folder-problem = The folder needs another name
mail-folder-no-name = Give the folder a name.
mail-folder-long = The name is too long. It has room for about 200 letters.
mail-folder-characters = A name can’t have a slash or characters that can’t be seen. Take another one; to put it into a folder, choose that one below.
mail-folder-deep = There are too many folders inside each other, or their names together are too long. Choose another place.
mail-folder-exists = There is a folder of that name at this place. Take another name.
mail-folder-counts = { $total ->
    [0] Empty
   *[other] { $unread ->
        [0] { $total }
       *[other] { $total }, { $unread } unread
    }
}
mail-folder-count = Messages
mail-folder-change = Change
mail-folder-title = Folder { $name }
mail-folder-rename = Rename or move
mail-folder-save = Save
mail-folder-remove = Remove this folder
mail-folder-has-children = There are folders inside it. Move or remove them first.
mail-folder-fixed = This folder has a job, so its name and place stay as they are.
mail-folder-fate = { $count ->
    [0] It is empty.
    [one] Its message goes to Trash first.
   *[other] Its { $count } messages go to Trash first.
}
mail-folder-fate-gone = { $count ->
    [0] It is empty.
    [one] It lies in Trash or Junk: its message is removed for good.
   *[other] It lies in Trash or Junk: its { $count } messages are removed for good.
}
mail-empty-trash = Empty Trash
mail-empty-junk = Empty Junk
mail-empty-words = { $count ->
    [0] There is nothing in it.
    [one] One message will be removed for good, unless you take it back right afterwards.
   *[other] { $count } messages will be removed for good, unless you take it back right afterwards.
}
mail-keep = Keep them

## The list
mail-title = { $name } ({ $count })
mail-total = { $count ->
    [one] One message
   *[other] { $count } messages
}
mail-new = { $count ->
    [one] One new message – show
    [1000] More than 1,000 new messages – show
   *[other] { $count } new messages – show
}
mail-pick = Select: { $subject }, { $from }
mail-unread = Unread
mail-starred = Starred
mail-attached = Has attachments
mail-thread-count = { $count ->
    [100] More than 99 messages in this conversation
   *[other] { $count } messages in this conversation
}
mail-to-name = To { $name }
mail-to-others = { $count ->
    [one] To { $name } and one other
   *[other] To { $name } and { $count } others
}
mail-to-nobody = To nobody
mail-nobody = No sender
mail-no-subject = No subject
mail-refresh = Look for new mail
mail-pages = Pages
mail-newer = Newer
mail-older = Older
mail-archive-it = Archive
mail-delete = Delete
mail-is-junk = This is junk
mail-not-junk = This is no junk
mail-move = Move to
mail-marks = More
mail-pick-all = Tick all on this page
mail-mark-seen = Mark as read
mail-mark-unseen = Mark as unread
mail-star = Add a star
mail-unstar = Take the star off
mail-choose = Choose a message
mail-choose-words = It opens here.
mail-none = Nothing is filed here
mail-none-words = Move messages here from another folder, or let a rule do it.
mail-none-inbox = Your Inbox is empty
mail-none-inbox-words = What others write to you comes here.
mail-none-drafts = No drafts
mail-none-drafts-words = What you begin to write is kept here until you send it.
mail-none-sent = Nothing sent yet
mail-none-sent-words = A copy of each message that you send is kept here.
mail-none-archive = Nothing is archived
mail-none-archive-words = Archive keeps what is done with, out of the way. It stays until you remove it.
mail-none-junk = No junk
mail-none-junk-words = Mail that you mark as junk lies here until you empty it.
mail-none-trash = Trash is empty
mail-none-trash-words = What you delete lies here, so that you can take it back.

## Search
mail-search = Search mail
mail-search-hint = Words, or from:anna
mail-search-go = Search
mail-search-title = Search
mail-search-for = Search for { $words }
mail-found = { $count ->
    [one] One message
   *[other] { $count } messages
}
mail-found-first = The first { $count }; there may be more. Add a word, or search in one folder.
mail-none-found = Nothing was found
mail-none-found-words = Trash and Junk are left out: add in:anywhere to look there too. Fewer words find more.
mail-in-folder = { $folder } · { $words }
mail-help = What you can ask for
mail-help-lead = All words must be found. Each of these can be added to the others.
mail-help-from = Who wrote it
mail-help-to = Whom it went to
mail-help-subject = A word of the subject
mail-help-exact = Words in just this order
mail-help-not = Without this word
mail-help-has = With something attached
mail-help-is = Not read yet; also read, starred, answered, forwarded, draft
mail-help-newer = Of the last seven days; older:1y is the other way round
mail-help-before = From before a day; also after: and on:
mail-help-larger = Larger than this; also smaller:
mail-help-in = In one folder; in:anywhere has Trash and Junk too
mail-bad-day = “{ $word }” was not understood: a day is written 2026-01-31.
mail-bad-age = “{ $word }” was not understood: an age is written 7d, 2w, 6m or 1y.
mail-bad-size = “{ $word }” was not understood: a size is written 500k or 2M.
mail-bad-is = “{ $word }” was not understood: after is: comes unread, read, starred, answered, forwarded or draft.
mail-bad-has = “{ $word }” was not understood: after has: comes attachment.
mail-bad-empty = After “{ $word }” something is missing. Write it without a blank in between, such as from:anna.
mail-bad-folder = There is no folder of that name. Write it as it stands in the list of folders, in quotes where it has blanks: in:"lists/old books".
mail-bad-in = “{ $word }” can stand once, and not be excluded. Take one of them out.
mail-bad-length = The search is too long. Leave some words out.

## A message
mail-text = Text of the message
mail-no-text = This message has no text.
mail-reply = Reply
mail-reply-all = Reply to all
mail-forward = Forward
mail-go-on-writing = Go on writing
mail-more = More
mail-print = Print
mail-headers = All header fields
mail-source = Source
mail-save = Save as a file
mail-show-plain = Show as plain text
mail-show-rich = Show as it was laid out
mail-next-newer = Next newer message
mail-next-older = Next older message
mail-back = Back to the message
mail-from = From
mail-sent-by = Sent by
mail-reply-to = Reply to
mail-to = To
mail-cc = Cc
mail-bcc = Bcc
mail-date = Date
mail-sent-from-here = sent from here by { $name }
mail-not-checked = not checked
mail-not-checked-why = Nobody has proved that this comes from the address above: anybody could have written it there. Where it asks for money, a password or a code, ask the person in another way first.
mail-answered = You have replied to this.
mail-forwarded = You have forwarded this.
mail-others = { $count ->
    [one] One more message in this conversation
   *[other] { $count } more messages in this conversation
}
mail-cut = This message is very long. Its end is not shown; the file has all of it.
mail-remote = Pictures from elsewhere were left out: loading them tells the sender that you read this.
mail-remote-once = Show once
mail-remote-always = Always for { $sender }
mail-remote-never-ask = Always for everybody, never ask
mail-remote-quiet = Pictures from elsewhere were left out, as you wished for all mail.
mail-remote-ask-me = Ask me about others again
mail-attachments = { $count ->
    [one] One attachment
   *[other] { $count } attachments
}
mail-inline = { $count ->
    [one] One picture inside the text
   *[other] { $count } pictures inside the text
}
mail-part-words = { $what }, { $size }
mail-part-open = Look at { $name }
mail-part-save = Save { $name }
mail-part-picture = Picture { $name }
mail-type-image = Picture
mail-type-page = Web page
mail-type-calendar = Calendar entry
mail-type-text = Text
mail-type-audio = Sound
mail-type-video = Film
mail-type-message = Message
mail-type-pdf = PDF
mail-type-archive = Packed files
mail-type-document = Document
mail-type-signature = Signature
mail-type-other = { $type }
mail-risk-program = This is a program. Open it only if you expected it.
mail-risk-script = This runs commands when opened. Open it only if you expected it.
mail-risk-macros = This document can run commands. Open it only if you expected it.
mail-risk-page = This is a page that its sender made; it can imitate others.
mail-risk-two = The name hides what this is. Don’t open it unless you know why.
mail-risk-disguised = This is not what its name says. Don’t open it unless you know why.
mail-headers-of = Header fields of { $subject }
mail-print-of = Print { $subject }
mail-print-how = Use your browser’s command to print this page.
mail-print-alone = If the text is cut short on paper, print it by itself.

## Keys
mail-keys = Keys
mail-keys-close = Close
mail-key-rows = Next and previous line of the list
mail-key-pick = Pick the line
mail-key-junk = Junk, or no junk
mail-key-star = Star on or off
mail-key-turn = Next older and newer message

## What was done
done-mail-seen = { $count ->
    [one] One message is marked as read.
   *[other] { $count } messages are marked as read.
}
done-mail-unseen = { $count ->
    [one] One message is marked as unread.
   *[other] { $count } messages are marked as unread.
}
done-mail-starred = { $count ->
    [one] One message has a star.
   *[other] { $count } messages have a star.
}
done-mail-unstarred = { $count ->
    [one] One message has lost its star.
   *[other] { $count } messages have lost their stars.
}
done-mail-archived = { $count ->
    [one] One message is in Archive.
   *[other] { $count } messages are in Archive.
}
done-mail-junked = { $count ->
    [one] One message is in Junk.
   *[other] { $count } messages are in Junk.
}
done-mail-not-junk = { $count ->
    [one] One message is back in the Inbox.
   *[other] { $count } messages are back in the Inbox.
}
done-mail-deleted = { $count ->
    [one] One message is deleted.
   *[other] { $count } messages are deleted.
}
done-mail-moved = { $count ->
    [one] One message is moved.
   *[other] { $count } messages are moved.
}
done-mail-emptied = { $count ->
    [one] One message is removed.
   *[other] { $count } messages are removed.
}
done-mail-undone = { $count ->
    [one] One message is as it was.
   *[other] { $count } messages are as they were.
}
done-mail-undone-none = Nothing could be taken back: it was changed again since.
done-mail-nothing-picked = Nothing was picked. Tick messages first.
done-mail-nothing-done = Nothing changed: it was so already, or the messages are gone from here.
done-mail-remote-sender = Pictures in mail from { $thing } are shown from now on.
done-mail-remote-everybody = Pictures in all mail are shown from now on.
done-mail-remote-ask = You are asked about pictures from elsewhere again.
done-mail-remote-undone = Pictures are left out again.
done-mail-folder-made = The folder { $thing } is there.
done-mail-folder-renamed = The folder is now { $thing }.
done-mail-folder-removed = The folder { $thing } is removed.
