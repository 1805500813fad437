package ledger

// ValidCursor reports whether a text can be a Filter's Cursor, for who has it
// from somebody else.
func ValidCursor(cursor string) bool {
	_, _, err := parseCursor(cursor)
	return err == nil
}
