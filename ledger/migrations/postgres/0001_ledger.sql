-- A row's columns are what rows are found by; doc has all of it. Times are
-- nanoseconds since 1970, costs picodollars.
CREATE TABLE requests (
	id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	start    BIGINT NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	session  TEXT NOT NULL,
	enduser  TEXT NOT NULL,
	cost     BIGINT, -- NULL if unpriced
	price    TEXT NOT NULL, -- prices.id, or empty
	doc      JSONB NOT NULL
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
);

CREATE TABLE payloads (
	request_id TEXT NOT NULL PRIMARY KEY,
	created    BIGINT NOT NULL,
	request    BYTEA NOT NULL,
	response   BYTEA NOT NULL
);
CREATE INDEX payloads_created ON payloads (created);

-- Sums of rows by hour of their start (UTC, hours since 1970). A cost is
-- cost_hi * 1e9 + cost_lo picodollars, since the sum of many may be too large.
-- total_N and first_N count requests by their time; see histogram.go.
CREATE TABLE hours (
	bucket   BIGINT NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	requests BIGINT NOT NULL,
	failed BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	estimated BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	input BIGINT NOT NULL,
	cached_input BIGINT NOT NULL,
	cache_write BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	cost_hi BIGINT NOT NULL,
	cost_lo BIGINT NOT NULL,
	total_us BIGINT NOT NULL,
	first_us BIGINT NOT NULL,
	total_0 BIGINT NOT NULL,
	total_1 BIGINT NOT NULL,
	total_2 BIGINT NOT NULL,
	total_3 BIGINT NOT NULL,
	total_4 BIGINT NOT NULL,
	total_5 BIGINT NOT NULL,
	total_6 BIGINT NOT NULL,
	total_7 BIGINT NOT NULL,
	total_8 BIGINT NOT NULL,
	total_9 BIGINT NOT NULL,
	total_10 BIGINT NOT NULL,
	total_11 BIGINT NOT NULL,
	total_12 BIGINT NOT NULL,
	total_13 BIGINT NOT NULL,
	total_14 BIGINT NOT NULL,
	first_0 BIGINT NOT NULL,
	first_1 BIGINT NOT NULL,
	first_2 BIGINT NOT NULL,
	first_3 BIGINT NOT NULL,
	first_4 BIGINT NOT NULL,
	first_5 BIGINT NOT NULL,
	first_6 BIGINT NOT NULL,
	first_7 BIGINT NOT NULL,
	first_8 BIGINT NOT NULL,
	first_9 BIGINT NOT NULL,
	first_10 BIGINT NOT NULL,
	first_11 BIGINT NOT NULL,
	first_12 BIGINT NOT NULL,
	first_13 BIGINT NOT NULL,
	first_14 BIGINT NOT NULL,
	PRIMARY KEY (bucket, gate_id, gate, key_id, key, provider, model, outcome)
);
CREATE INDEX hours_gate ON hours (gate_id, bucket);
CREATE INDEX hours_key ON hours (key_id, bucket);

-- Sums of rows by day of their start (UTC, days since 1970). A cost is
-- cost_hi * 1e9 + cost_lo picodollars, since the sum of many may be too large.
-- total_N and first_N count requests by their time; see histogram.go.
CREATE TABLE days (
	bucket   BIGINT NOT NULL,
	gate_id  TEXT NOT NULL,
	gate     TEXT NOT NULL,
	key_id   TEXT NOT NULL,
	key      TEXT NOT NULL,
	provider TEXT NOT NULL,
	model    TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	requests BIGINT NOT NULL,
	failed BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	estimated BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	input BIGINT NOT NULL,
	cached_input BIGINT NOT NULL,
	cache_write BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	cost_hi BIGINT NOT NULL,
	cost_lo BIGINT NOT NULL,
	total_us BIGINT NOT NULL,
	first_us BIGINT NOT NULL,
	total_0 BIGINT NOT NULL,
	total_1 BIGINT NOT NULL,
	total_2 BIGINT NOT NULL,
	total_3 BIGINT NOT NULL,
	total_4 BIGINT NOT NULL,
	total_5 BIGINT NOT NULL,
	total_6 BIGINT NOT NULL,
	total_7 BIGINT NOT NULL,
	total_8 BIGINT NOT NULL,
	total_9 BIGINT NOT NULL,
	total_10 BIGINT NOT NULL,
	total_11 BIGINT NOT NULL,
	total_12 BIGINT NOT NULL,
	total_13 BIGINT NOT NULL,
	total_14 BIGINT NOT NULL,
	first_0 BIGINT NOT NULL,
	first_1 BIGINT NOT NULL,
	first_2 BIGINT NOT NULL,
	first_3 BIGINT NOT NULL,
	first_4 BIGINT NOT NULL,
	first_5 BIGINT NOT NULL,
	first_6 BIGINT NOT NULL,
	first_7 BIGINT NOT NULL,
	first_8 BIGINT NOT NULL,
	first_9 BIGINT NOT NULL,
	first_10 BIGINT NOT NULL,
	first_11 BIGINT NOT NULL,
	first_12 BIGINT NOT NULL,
	first_13 BIGINT NOT NULL,
	first_14 BIGINT NOT NULL,
	PRIMARY KEY (bucket, gate_id, gate, key_id, key, provider, model, outcome)
);
CREATE INDEX days_gate ON days (gate_id, bucket);
CREATE INDEX days_key ON days (key_id, bucket);
