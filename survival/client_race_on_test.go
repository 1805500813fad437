//go:build race

package survival

// frontRaced says that the race detector is on.
const frontRaced = true
