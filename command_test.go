package layergateway

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	sites "github.com/layergateway/layergateway/internal/site"
	"github.com/layergateway/layergateway/ledger"
	"github.com/layergateway/layergateway/store"
)

// asCaddy has the test's own program be Caddy, so that commands run as processes.
const asCaddy = "LAYER_GATEWAY_TEST_AS_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(asCaddy) != "" {
		caddycmd.Main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shell runs commands in a folder of their own.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, caddyfile string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir()}
	s.env = []string{asCaddy + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir,
		"XDG_DATA_HOME=" + filepath.Join(s.dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(s.dir, "config"), "LAYER_API_KEY=layer_dev"}
	s.write("Caddyfile", caddyfile)
	return s
}

func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shell) command(args ...string) *exec.Cmd {
	s.t.Helper()
	program, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), program, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs `caddy layer` with arguments.
func (s *shell) run(in string, args ...string) (out, told string, code int) {
	s.t.Helper()
	cmd := s.command(append([]string{"layer"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.t.Fatal(err)
	} else if ok {
		code = exit.ExitCode()
	}
	return stdout.String(), stderr.String(), code
}

// serve runs the gateway until the test's end.
func (s *shell) serve(url string) {
	s.t.Helper()
	cmd := s.command("run")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its log tells
		close(ended)
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		<-ended
		if s.t.Failed() {
			s.t.Log(log.String())
		}
	})
	sites.Eventually(s.t, "the gateway serves", time.Minute, func() bool {
		select {
		case <-ended:
			s.t.Fatal("the gateway has ended")
		default:
		}
		_, told, code := s.run("", "chat", "--url", url, "hello", "are you there?")
		return code == 0 || !strings.Contains(told, "no gateway answers")
	})
}

// gatewayFile is a Caddyfile of a gateway at an address.
func gatewayFile(t *testing.T) (text, url string) {
	t.Helper()
	addr, err := sites.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(`{
	admin off
	default_bind `+addr[:strings.LastIndexByte(addr, ':')]+`
	layer_gateway {
		ledger sqlite books.db
	}
}
http://{addr} {
	layer_gateway {
		api_key layer_dev {
			name dev
		}
		api_key sha256:0000000000000000000000000000000000000000000000000000000000000000 {
			name small
			budget 0.000001 daily
		}
		provider echo
		provider openai {
			api_key {env.NOT_SET}
		}
		gate 11111111-1111-4111-8111-111111111111 {
			name hello
			model echo/words
		}
		gate 22222222-2222-4222-8222-222222222222 {
			name assistant
			model openai/gpt-4o
			fallback echo/words
			strategy fallback
			max_tokens 1000
		}
	}
}
`, "{addr}", addr), "http://" + addr + "/v1"
}

func TestCommands(t *testing.T) {
	text, url := gatewayFile(t)
	s := newShell(t, text)
	s.serve(url)
	s.write("request.json", `{"messages":[{"role":"user","content":"Hello"}],"stream":true}`)
	s.write("bad.json", `{"id":"x"}`)
	s.write("layer.config.yaml", "gates:\n  - name: one\n    model: openai/gpt-4o\n")
	for _, c := range []struct {
		name, in, args string
		code           int
		out, told      string // parts
	}{
		{name: "help", args: "chat --help", out: "$ caddy layer chat assistant"},
		{name: "of all", args: "", out: "Available Commands:"},
		{name: "of gates", args: "gates", out: "convert"},
		{name: "unknown", args: "gates list --nothing", code: 2, told: "unknown flag"},
		{name: "no such command", args: "lgs", code: 2, told: `there is no command "lgs": did you mean "logs"?`},
		{name: "no gate", args: "chat", code: 2, told: "Error: <gate> is missing\nUsage: caddy layer chat <gate> [<message...>]"},
		{name: "too much", args: "key web", code: 2, told: `"web" is too much`},
		{name: "key", args: "key --json", out: `"hash": "sha256:`},
		{name: "chat", args: "chat hello one two", out: "one two\n", told: "echo/words · 2 tokens in, 2 out · 0 USD · first token "},
		{name: "piped", in: "three", args: "chat hello --no-stream", out: "three\n", told: "1 out"},
		{name: "raw", args: "chat hello --json four", out: `"content":"four"`},
		{name: "failover", args: "chat assistant five", out: "five\n", told: "echo/words (2 attempts)"},
		{name: "no such gate", args: "chat nothing six", code: 1, told: "Error: the gateway answered 404: gate_not_found"},
		{name: "nobody there", args: "chat --url http://127.0.0.1:1/v1 hello six", code: 2, told: "Error: no gateway answers at"},
		{name: "explain", args: "explain assistant", out: "https://api.openai.com/v1/chat/completions", told: ""},
		{name: "a request's own", args: "explain hello --request request.json --json", out: `"stream": true`},
		{name: "on the standard input", in: `{"messages":[]}`, args: "explain hello --request -", code: 1, out: "missing_field"},
		{name: "the key's budget", args: "explain assistant --key small", code: 1, out: `refused: the budget of key "small" has not enough left`},
		{name: "no such key", args: "explain hello --key den", code: 2, told: `did you mean "dev"?`},
		{name: "not a gate", args: "explain helo", code: 2, told: `did you mean "hello"?`},
		{name: "gates", args: "gates list", out: "11111111-1111-4111-8111-111111111111  single"},
		{name: "a bad file", args: "gates check bad.json", code: 1, told: "bad.json:1:"},
		{name: "converted", args: "gates convert layer.config.yaml", out: `"name": "one"`},
		{name: "logs", args: "logs", out: "gate_not_found"},
		{name: "of one outcome", args: "logs --outcome rejected --json", out: `"error":"gate_not_found"`},
		{name: "no such outcome", args: "logs --outcome fine", code: 2, told: `there is no "fine", but ok, client_gone`},
		{name: "less than nothing", args: "logs --limit -1", code: 2, told: "--limit"},
		{name: "cost", args: "cost", told: "0 differences"},
		{name: "another ledger", args: "cost --ledger none.db", code: 2, told: "there is no ledger at none.db"},
		{name: "no config", args: "cost -c none", code: 2, told: "Error: the configuration: open none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.args == "logs" {
				sites.Eventually(t, "the rows are there", time.Minute, func() bool {
					out, _, _ := s.run("", "logs")
					return strings.Contains(out, c.out)
				})
			}
			out, told, code := s.run(c.in, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(told, c.told) {
				t.Errorf("code %d\nout:\n%s\ntold:\n%s", code, out, told)
			}
			if strings.Contains(out+told, "\x1b") {
				t.Error("colors outside of a terminal")
			}
		})
	}
}

// What was made at run time is listed and explained as what the configuration declares.
func TestCommandsKnowTheStore(t *testing.T) {
	text, _ := gatewayFile(t)
	s := newShell(t, strings.Replace(text, "provider echo", "gates_store\nprovider echo", 1))
	if out, told, code := s.run("", "gates", "list"); code != 0 || !strings.Contains(out, "hello") || !strings.Contains(told, "there is no ledger at") {
		t.Errorf("before there is a ledger: %d\n%s\n%s", code, out, told)
	}
	s.make(`{"name":"made","model":"echo/words"}`,
		`{"name":"web","gates":["made"],"spendingLimit":0.000001}`, `{"name":"late","expires":"2020-01-01"}`, `{"name":"gone"}`)
	for _, c := range []struct {
		args      string
		code      int
		out, told string // parts
	}{
		{args: "gates list", out: "store\n"},
		{args: "explain made", out: ", from store"},
		{args: "explain mad", code: 2, told: `did you mean "made"?`},
		{args: "explain hello --key web", code: 1, out: "gate_not_found"},
		{args: "explain made --key web", out: "key          web"},
		{args: "explain assistant --key we", code: 2, told: `did you mean "web"?`},
		{args: "explain made --key late", code: 1, out: "401 invalid_api_key: the key has expired"},
		{args: "explain made --key gone", code: 1, out: "401 invalid_api_key: the key is revoked"},
	} {
		out, told, code := s.run("", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(told, c.told) {
			t.Errorf("%s: code %d\nout:\n%s\ntold:\n%s", c.args, code, out, told)
		}
	}
	s.write("books.db", strings.Repeat("no database ", 1000))
	if out, _, code := s.run("", "explain", "hello"); code != 0 || !strings.Contains(out, "what was spent is not known") {
		t.Errorf("without a ledger: %d\n%s", code, out)
	}
	if _, told, code := s.run("", "explain", "made"); code != 2 || !strings.Contains(told, "what was made at run time is not known") {
		t.Errorf("without a store: %d\n%s", code, told)
	}
}

// make puts a gate and keys into the store of the shell's gateway, and revokes the last of these.
func (s *shell) make(gate string, keys ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	l, err := ledger.Open(ctx, ledger.Config{Dir: s.t.TempDir(), SQLite: filepath.Join(s.dir, "books.db")})
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := store.Open(ctx, store.Options{Ledger: l})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = st.CreateGate(ctx, store.ByAdmin, []byte(gate))
	var last *store.Key
	for _, key := range keys {
		if err == nil {
			last, _, err = st.CreateKey(ctx, store.ByAdmin, []byte(key))
		}
	}
	if err == nil {
		_, err = st.RevokeKey(ctx, store.ByAdmin, last.ID, 0)
	}
	st.Close()
	if err := errors.Join(err, l.Close(ctx)); err != nil {
		s.t.Fatal(err)
	}
}

// A bill that somebody has changed is found.
func TestCostCommand(t *testing.T) {
	text, url := gatewayFile(t)
	s := newShell(t, text)
	s.serve(url)
	s.run("", "chat", "hello", "one")
	sites.Eventually(t, "the row is there", time.Minute, func() bool {
		out, _, _ := s.run("", "logs", "--json")
		return strings.Contains(out, `"gate":"hello"`)
	})
	forge(t, filepath.Join(s.dir, "books.db"))
	out, told, code := s.run("", "cost", "--json", "--ledger", "books.db")
	var found struct{ ID, What string }
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), &found); err != nil || code != 1 || found.What != "attempt 1 at echo/words" || found.ID == "" {
		t.Errorf("code %d, %v\n%s\n%s", code, err, out, told)
	}
}

// forge makes the rows of a ledger in SQLite cost more than it did.
func forge(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	done, err := db.ExecContext(t.Context(), `UPDATE requests SET doc = replace(doc, '"bill":{', '"bill":{"total":7,') WHERE outcome = 'ok'`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("no row: %v", err)
	}
}

func TestGatewayURL(t *testing.T) {
	const block = " {\n layer_gateway {\n anonymous\n }\n}\n"
	for _, c := range []struct{ name, text, want string }{
		{"with http", "http://localhost:3001" + block, "http://localhost:3001/v1"},
		{"a port", ":3001" + block, "http://localhost:3001/v1"},
		{"port 80", "http://example.com" + block, "http://example.com/v1"},
		{"a domain", "example.com" + block, "https://example.com/v1"},
		{"another port", "example.com:8443" + block, "https://example.com:8443/v1"},
		{"without automatic HTTPS", "{\n auto_https off\n}\nhttp://example.com:8080" + block, "http://example.com:8080/v1"},
		{"bound", "http://:3001 {\n bind 127.0.0.2\n layer_gateway {\n anonymous\n }\n}", "http://127.0.0.2:3001/v1"},
		{"below a path", "example.com {\n handle_path /llm/* {\n layer_gateway {\n anonymous\n }\n }\n respond 404\n}", "https://example.com/llm/v1"},
		{"the second site", "a.example {\n respond 404\n}\nb.example:444" + block, "https://b.example:444/v1"},
		{"a wildcard", "http://*.example.com:3001" + block, "http://localhost:3001/v1"},
		{"none", "a.example {\n respond 404\n}", ""},
		{"a socket", ":80 {\n bind unix//run/x\n layer_gateway {\n anonymous\n }\n}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			from := configFlags{path: path}
			if got, err := from.url(); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}
