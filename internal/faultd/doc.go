// Package faultd is an upstream for tests that fails as real ones do, down to the connection: it writes HTTP/1 by
// itself and HTTP/2 frame by frame, in plain and under TLS, so that nothing keeps it from sending what no server should.
//
// A [Script] is a list of steps and says what one request gets; [Server.On] says which scripts the successive requests
// for a model get, so that one server serves a whole table at once, each row with a model name of its own. What is said
// is numbered words, w0001 w0002 …, in the dialect of the request's path: [CheckWords] tells what of them is lost,
// doubled or out of order.
//
//	s := faultd.New(t, faultd.Options{})
//	tests := []struct {
//		id     string
//		script faultd.Script
//		words  int
//		want   string
//	}{
//		{"D26", faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, 40), faultd.Close()}, 40, "truncated"},
//		{"D28", faultd.Script{faultd.SSE(), faultd.Open(), faultd.Say(1, 60), faultd.Finish(60), faultd.Close()}, 60, "ok"},
//	}
//	for _, tt := range tests {
//		s.On(tt.id, tt.script)
//		// … a request for model tt.id, by a provider whose base URL is s.URL + "/v1"
//	}
//
// Nothing need be timed: a script waits at a gate ([Wait]) until the test opens it ([Server.Release]), and tells where
// it is ([Mark], [Server.Reached]). The [Journal] has every connection and request, what was sent, and whether and how
// the client went away: [Journal.WaitCancelled].
//
// The clients that misbehave are in the package badclient.
package faultd
