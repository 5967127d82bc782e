-- Signed-in browsers, as the web side needs them.

ALTER TABLE web_session
    DROP COLUMN csrf,
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN stage smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN web_session.stage IS '0 open, 1 the second factor is still to come, 2 a second factor must be enrolled first';
COMMENT ON COLUMN web_session.id IS 'names it in lists: says nothing about the token';
COMMENT ON COLUMN web_session.expires_at IS 'ends then, however busy it is';
CREATE INDEX web_session_expires ON web_session (expires_at);
