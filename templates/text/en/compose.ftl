# Writing mail.

compose-title-new = New message
compose-title-reply = Reply
compose-title-reply-all = Reply to all
compose-title-forward = Forward
compose-title-draft = Draft
compose-back = Back
compose-from = From
compose-to = To
compose-cc = Cc
compose-bcc = Bcc
compose-subject = Subject
compose-send = Send
compose-send-anyway = Send anyway
compose-save = Save
compose-discard = Discard this draft
compose-no-subject = No subject

## Above quoted and forwarded text
compose-wrote = On { $at }, { $name } wrote:
compose-forwarded = ---------- Forwarded message ----------
compose-forwarded-from = From: { $value }
compose-forwarded-date = Date: { $value }
compose-forwarded-subject = Subject: { $value }
compose-forwarded-to = To: { $value }
compose-forwarded-cc = Cc: { $value }

## Files
compose-files = Attachments
compose-choose = Add files
compose-attach = Attach
compose-remove = Remove { $name }
compose-used = { $used } of { $limit } used.
compose-parts = These go along
compose-whole = The whole message as a file (.eml)
compose-whole-name = message
compose-unnamed = Without a name ({ $type })
compose-file-none = Choose a file first.
compose-file-large = { $name } is too large: all attachments together can have { $limit }. Share it in another way, or make it smaller. Your text is kept.
compose-file-refused = { $name } could not be attached. { $why }
compose-parts-gone = The message you are passing on was moved or removed, so its files could not be attached.
compose-part-refused = Not all files of the message could be attached. { $why }
compose-too-big = { "{name}" } is too large: a message can carry { $limit } in all.
compose-failed = { "{name}" } could not be uploaded. Try again.

## What is wrong
compose-problems = Not sent yet: please look at this
compose-sender-not-yours = You can’t write as this address. Choose one of yours.
compose-to-unreadable = “{ $name }” is no address. Write it like ann@example.org.
compose-to-unknown = There is nobody here called { $name }. Check how it is written.
compose-to-disabled = { $name } is switched off and takes no mail.
compose-to-full = The mailbox of { $name } is full.

## What is asked once
compose-doubts = Before it goes
compose-doubt-subject = It has no subject.
compose-doubt-file = You wrote “{ $word }”, but nothing is attached.
# Words that promise a file, with commas between.
compose-attachment-words = attached, attachment, attachments, attaching, enclosed, enclosure

## Kept while it is written
compose-kept = Saved { $at }
compose-away = The server can’t be reached. What you write is kept on this device and saved as soon as it is back.
compose-not-kept = This could not be saved. Press Save to see why.
compose-conflict = This draft was changed in another window meanwhile. Nothing is lost: what you wrote here is a draft of its own now.
compose-conflict-other = Open the other one
compose-gone = The draft was sent or discarded in another window meanwhile. What you wrote here is a draft of its own now.
compose-changed = This draft was changed in another window meanwhile, so it was not sent. Look at it again.
compose-rescued = This device still has text that the server may not have.
compose-rescue-take = Use it
compose-rescue-drop = Throw it away
compose-unfinished = { $count ->
    [one] You have an unfinished message
   *[other] You have { $count } unfinished messages
}
compose-unfinished-one = { $subject }, { $at }

## A draft of another program
compose-lost-formatting = Another program has written this draft with formatting. Here you see its words, and its pictures as attachments. Once you save or send it, the formatting is gone.
compose-lost-reply-to = This draft asks for answers to another address. That is not kept once you save or send it here.

## Sent or discarded
compose-gone-sent = This message is sent
compose-gone-sent-words = It went to its recipients, and can’t be changed or sent again.
compose-gone-open-sent = Open the folder of sent mail
compose-gone-discarded = You discarded this draft
compose-gone-discarded-words = You can have it back until a day after that.
compose-restore = Have it back

## On its way
compose-waiting = This message is on its way
compose-waiting-words = It goes in a moment. Take it back to change it.
compose-take-back = Take it back

done-compose-saved = Saved in Drafts.
done-compose-empty = There was nothing to save yet.
done-compose-attached = { $count ->
    [one] One file attached.
   *[other] { $count } files attached.
}
done-compose-removed = The file is removed.
done-compose-discarded = Draft discarded.
done-compose-restored = The draft is back.
done-compose-sending = Sending in a moment.
done-compose-sent = Sent.
done-compose-taken-back = Not sent. Here it is again.
done-compose-too-late = It has been sent already.
