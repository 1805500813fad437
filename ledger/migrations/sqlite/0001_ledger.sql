-- A row's columns are what rows are found by; doc has all of it. Times are
-- nanoseconds since 1970, costs picodollars.
CREATE TABLE requests (
	id       TEXT NOT NULL PRIMARY KEY,
	start    INTEGER NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	session  TEXT NOT NULL,
	enduser  TEXT NOT NULL,
	cost     INTEGER, -- NULL if unpriced
	price    TEXT NOT NULL, -- prices.id, or empty
	doc      TEXT NOT NULL
);
CREATE INDEX requests_start ON requests (start, id);
CREATE INDEX requests_gate ON requests (gate_id, start, id);
CREATE INDEX requests_key ON requests (key_id, start, id);
CREATE INDEX requests_model ON requests (model, start, id);
CREATE INDEX requests_outcome ON requests (outcome, start, id) WHERE outcome <> 'ok';
CREATE INDEX requests_session ON requests (session, start, id) WHERE session <> '';
CREATE INDEX requests_enduser ON requests (enduser, start, id) WHERE enduser <> '';

-- What rows were billed with; the id is made of the content.
CREATE TABLE prices (
	id       TEXT NOT NULL PRIMARY KEY,
	version  TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	doc      TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE payloads (
	request_id TEXT NOT NULL PRIMARY KEY,
	created    INTEGER NOT NULL,
	request    BLOB NOT NULL,
	response   BLOB NOT NULL
);
CREATE INDEX payloads_created ON payloads (created);

-- Sums of rows by hour of their start (UTC, hours since 1970). A cost is
-- cost_hi * 1e9 + cost_lo picodollars, since the sum of many may be too large.
-- total_N and first_N count requests by their time; see histogram.go.
CREATE TABLE hours (
	bucket   INTEGER NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	requests INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	unpriced INTEGER NOT NULL,
	estimated INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	input INTEGER NOT NULL,
	cached_input INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	cost_hi INTEGER NOT NULL,
	cost_lo INTEGER NOT NULL,
	total_us INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	total_0 INTEGER NOT NULL,
	total_1 INTEGER NOT NULL,
	total_2 INTEGER NOT NULL,
	total_3 INTEGER NOT NULL,
	total_4 INTEGER NOT NULL,
	total_5 INTEGER NOT NULL,
	total_6 INTEGER NOT NULL,
	total_7 INTEGER NOT NULL,
	total_8 INTEGER NOT NULL,
	total_9 INTEGER NOT NULL,
	total_10 INTEGER NOT NULL,
	total_11 INTEGER NOT NULL,
	total_12 INTEGER NOT NULL,
	total_13 INTEGER NOT NULL,
	total_14 INTEGER NOT NULL,
	first_0 INTEGER NOT NULL,
	first_1 INTEGER NOT NULL,
	first_2 INTEGER NOT NULL,
	first_3 INTEGER NOT NULL,
	first_4 INTEGER NOT NULL,
	first_5 INTEGER NOT NULL,
	first_6 INTEGER NOT NULL,
	first_7 INTEGER NOT NULL,
	first_8 INTEGER NOT NULL,
	first_9 INTEGER NOT NULL,
	first_10 INTEGER NOT NULL,
	first_11 INTEGER NOT NULL,
	first_12 INTEGER NOT NULL,
	first_13 INTEGER NOT NULL,
	first_14 INTEGER NOT NULL,
	PRIMARY KEY (bucket, gate_id, gate, key_id, key, provider, model, outcome)
) WITHOUT ROWID;
CREATE INDEX hours_gate ON hours (gate_id, bucket);
CREATE INDEX hours_key ON hours (key_id, bucket);

-- Sums of rows by day of their start (UTC, days since 1970). A cost is
-- cost_hi * 1e9 + cost_lo picodollars, since the sum of many may be too large.
-- total_N and first_N count requests by their time; see histogram.go.
CREATE TABLE days (
	bucket   INTEGER NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	requests INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	unpriced INTEGER NOT NULL,
	estimated INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	input INTEGER NOT NULL,
	cached_input INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	cost_hi INTEGER NOT NULL,
	cost_lo INTEGER NOT NULL,
	total_us INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	total_0 INTEGER NOT NULL,
	total_1 INTEGER NOT NULL,
	total_2 INTEGER NOT NULL,
	total_3 INTEGER NOT NULL,
	total_4 INTEGER NOT NULL,
	total_5 INTEGER NOT NULL,
	total_6 INTEGER NOT NULL,
	total_7 INTEGER NOT NULL,
	total_8 INTEGER NOT NULL,
	total_9 INTEGER NOT NULL,
	total_10 INTEGER NOT NULL,
	total_11 INTEGER NOT NULL,
	total_12 INTEGER NOT NULL,
	total_13 INTEGER NOT NULL,
	total_14 INTEGER NOT NULL,
	first_0 INTEGER NOT NULL,
	first_1 INTEGER NOT NULL,
	first_2 INTEGER NOT NULL,
	first_3 INTEGER NOT NULL,
	first_4 INTEGER NOT NULL,
	first_5 INTEGER NOT NULL,
	first_6 INTEGER NOT NULL,
	first_7 INTEGER NOT NULL,
	first_8 INTEGER NOT NULL,
	first_9 INTEGER NOT NULL,
	first_10 INTEGER NOT NULL,
	first_11 INTEGER NOT NULL,
	first_12 INTEGER NOT NULL,
	first_13 INTEGER NOT NULL,
	first_14 INTEGER NOT NULL,
	PRIMARY KEY (bucket, gate_id, gate, key_id, key, provider, model, outcome)
) WITHOUT ROWID;
CREATE INDEX days_gate ON days (gate_id, bucket);
CREATE INDEX days_key ON days (key_id, bucket);
