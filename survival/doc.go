// Package survival tests what the gateway comes through: reloads, the end of its process, clients that leave, upstreams
// that fail, and time. It runs the whole program (internal/site) in front of an upstream that can fail in every way
// (internal/faultd).
//
// The soak takes a few seconds unless it is told how long:
//
//	go test ./survival -run Soak -soak 5m             # before a release
//	go test ./survival -run Soak -soak 8h -timeout 0  # over night
//
// With -short or -race there are fewer reloads and fewer clients that leave.
package survival
