-- Wrong links are counted by where they come from, and no longer void the right one.

ALTER TABLE setup DROP COLUMN wrong;
