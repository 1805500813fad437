//go:build !race

package site

// Raced says whether the race detector is built in, here and so in the sites.
const Raced = false
