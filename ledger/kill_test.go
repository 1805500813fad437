package ledger

const (
	childDir = "LEDGER_TEST_DIR"
	childDSN = "LEDGER_TEST_DSN"
)

func child(dir, dsn string) { _, _ = dir, dsn }
