-- A draft that was sent stays for a day, so that whoever comes back to it is told.

COMMENT ON COLUMN draft.held IS 'being sent: nobody writes it meanwhile; with discarded_at: it was sent';
COMMENT ON COLUMN draft.discarded_at IS 'thrown away, and can be had back for a day; or sent, and is known for a day';
