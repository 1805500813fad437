//go:build race

package survival

// underRace: the detector makes all of it several times as slow.
const underRace = true
