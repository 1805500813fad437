package survival

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/internal/faultd"
	"github.com/layergateway/layergateway/internal/site"
)

// clientSlug makes a row's id a name.
func clientSlug(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, id)
}

// callersOf are the rows, each with a name of its own.
func callersOf(rows []clientRow) []*caller {
	callers, taken := make([]*caller, len(rows)), map[string]int{}
	for i := range rows {
		name := clientSlug(rows[i].id)
		if taken[name]++; taken[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, taken[name])
		}
		callers[i] = &caller{row: &rows[i], name: name}
	}
	return callers
}

// startFront starts everything.
func startFront(t *testing.T, callers []*caller) *front {
	f := &front{up: faultd.New(t, faultd.Options{}), bait: newBait(t), seen: map[string][]byte{}}
	var gates strings.Builder
	for i, c := range callers {
		c.front = f
		name, row, to := c.name, c.row, c.row.to
		if to == "" {
			to = "up"
		}
		retries := "max_retries 0\n"
		if strings.Contains(row.gate, "max_retries") {
			retries = ""
		}
		fmt.Fprintf(&gates, "gate %08d-0000-4000-8000-00000000000a {\nname %s\nmodel %s/%s\n%s%s\n}\n", i, name, to, name, retries, row.gate)
		if row.scripts != nil {
			f.up.On(name, row.scripts...)
		}
	}
	block := fmt.Sprintf(frontBlock, f.up.URL) + gates.String()
	var more strings.Builder
	for _, one := range []struct {
		addr            *string
		scheme, options string
	}{
		{&f.open, "http", ""},
		{&f.tight, "http", "stall_timeout 500ms\nmax_body 64KiB\n"},
		{&f.tightTLS, "https", "stall_timeout 500ms\n"},
		{&f.busy, "http", "max_concurrent 2 2 20s\n"},
	} {
		addr, err := site.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		*one.addr = addr
		host, port, _ := net.SplitHostPort(addr)
		name, secure := "", ""
		if one.scheme == "https" {
			name, secure = host, "tls cert.pem key.pem\n"
		}
		fmt.Fprintf(&more, "%s://%s:%s {\nbind %s\n%s%s\nlayer_gateway {\n%s%s}\nrespond \"site\"\n}\n",
			one.scheme, name, port, host, secure, shippedLog(t), block, one.options)
	}
	f.site = site.Start(t, site.Config{
		Block: "layer_gateway {\n" + block + "}\nrespond \"site\"\n",
		More:  more.String(), Env: frontEnv,
	})
	f.base = f.site.Usage()
	return f
}

// frontBlock is what all of the front's handlers have; its argument is the upstream's address.
const frontBlock = `
	api_key {env.CANARY_CLIENT} {
		name tester
	}
	api_key {env.CANARY_TENANT} {
		name tenant
		gates tenants
	}
	api_key {env.CANARY_NARROW} {
		name narrow
		max_concurrent 1 1 300ms
	}
	provider up openai {
		base_url %[1]s/openai/v1
		api_key {env.CANARY_OPENAI}
	}
	provider google {
		base_url %[1]s/google/v1beta
		api_key {env.CANARY_GOOGLE}
	}
	provider lost google {
		base_url http://nobody.invalid/v1beta
		api_key {env.CANARY_GOOGLE}
	}
	provider anthropic {
		base_url %[1]s/anthropic/v1
		api_key {env.CANARY_ANTHROPIC}
	}
	provider vertex {
		base_url %[1]s/vertex/v1
		project p
		location eu
		api_key {env.CANARY_VERTEX}
	}
	provider bedrock {
		base_url %[1]s/bedrock
		region eu-central-1
		api_key {env.CANARY_BEDROCK}
	}
	provider azure {
		base_url %[1]s/azure/openai
		api_version 2024-10-21
		api_key {env.CANARY_AZURE}
	}
	gate aaaaaaaa-0000-4000-8000-00000000000b {
		name tenants
		model up/tenants
	}
	gate bbbbbbbb-0000-4000-8000-00000000000b {
		name second
		model up/second
	}
	gate cccccccc-0000-4000-8000-00000000000b {
		name third
		model up/third
	}
`

// shippedLog is the log that Caddyfile.example has.
func shippedLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n\tlog {\n")
	log, _, closed := strings.Cut(rest, "\n\t}\n")
	if !ok || !closed {
		t.Fatal("Caddyfile.example has no log")
	}
	return "log {\n" + log + "\n}"
}
