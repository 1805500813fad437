-- Gates and client keys that are made at run time. Times are milliseconds since
-- 1970. The revision grows with each change: who sees another one reads anew.
CREATE TABLE store_state (
	revision BIGINT NOT NULL
);
INSERT INTO store_state (revision) VALUES (0);

CREATE TABLE store_gates (
	id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	name    TEXT NOT NULL,
	doc     TEXT NOT NULL,
	version BIGINT NOT NULL,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX store_gates_name ON store_gates (name) WHERE name <> '';

-- Of a key's text there is its hash alone, and after a rotation for a while the
-- hash of the text before.
CREATE TABLE store_keys (
	id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	name           TEXT NOT NULL UNIQUE,
	prefix         TEXT NOT NULL,
	hash           BYTEA NOT NULL UNIQUE,
	previous       BYTEA,
	previous_until BIGINT,
	doc            TEXT NOT NULL,
	version        BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	updated        BIGINT NOT NULL,
	rotated        BIGINT,
	revoked        BIGINT,
	used           BIGINT
);

CREATE TABLE store_history (
	revision BIGINT NOT NULL PRIMARY KEY,
	time     BIGINT NOT NULL,
	who      TEXT NOT NULL,
	what     TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	action   TEXT NOT NULL,
	earlier  TEXT NOT NULL,
	later    TEXT NOT NULL
);
CREATE INDEX store_history_id ON store_history (id, revision);
