// Package site runs the gateway as it is shipped, for tests: cmd/caddy as a process of its own, with a Caddyfile, ports
// and data of its own.
//
//	func TestX(t *testing.T) {
//		s := site.Start(t, site.Config{Block: "layer_gateway {\nanonymous\nprovider echo\n…}\nrespond 404"})
//		resp, err := s.Client().Post(s.URL+"/v1/chat/completions", "application/json", body)
//		…
//		if err := s.Reload(site.Config{Block: other}); err != nil { … }
//		s.Signal(syscall.SIGTERM)
//		if code := s.Wait(time.Minute); code != 0 { … }
//	}
//
// The program is built once in a test process, with the race detector if the test has it, and leaves no file behind.
// Processes end with their tests; a data race, a panic or an exit that nobody asked for fails the test.
//
// It needs Linux: each test process listens on a loopback address of its own, so that no two can meet, and what a
// process holds is read from /proc.
package site
