-- Gates and client keys that are made at run time. Times are milliseconds since
-- 1970. The revision grows with each change: who sees another one reads anew.
CREATE TABLE store_state (
	revision INTEGER NOT NULL
);
INSERT INTO store_state (revision) VALUES (0);

CREATE TABLE store_gates (
	id      TEXT NOT NULL PRIMARY KEY,
	name    TEXT NOT NULL,
	doc     TEXT NOT NULL,
	version INTEGER NOT NULL,
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX store_gates_name ON store_gates (name) WHERE name <> '';

-- Of a key's text there is its hash alone, and after a rotation for a while the
-- hash of the text before.
CREATE TABLE store_keys (
	id             TEXT NOT NULL PRIMARY KEY,
	name           TEXT NOT NULL UNIQUE,
	prefix         TEXT NOT NULL,
	hash           BLOB NOT NULL UNIQUE,
	previous       BLOB,
	previous_until INTEGER,
	doc            TEXT NOT NULL,
	version        INTEGER NOT NULL,
	created        INTEGER NOT NULL,
	updated        INTEGER NOT NULL,
	rotated        INTEGER,
	revoked        INTEGER,
	used           INTEGER
) WITHOUT ROWID;

CREATE TABLE store_history (
	revision INTEGER NOT NULL PRIMARY KEY,
	time     INTEGER NOT NULL,
	who      TEXT NOT NULL,
	what     TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	action   TEXT NOT NULL,
	earlier  TEXT NOT NULL,
	later    TEXT NOT NULL
);
CREATE INDEX store_history_id ON store_history (id, revision);
