//go:build !race

package survival

const frontRaced = false
