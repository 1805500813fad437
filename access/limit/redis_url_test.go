package limit

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for url, want := range map[string]string{
		"redis://localhost":                                  "[localhost:6379] db 0",
		"redis://10.0.0.1:7000/3":                            "[10.0.0.1:7000] db 3",
		"redis://u:p%40%2F@h:1":                              "[h:1] db 0 user u password p@/",
		"redis://:p@a,b:2,[::1]:3":                           "[a:6379 b:2 [::1]:3] db 0 password p",
		"rediss://h":                                         "[h:6379] db 0 tls",
		"redis+sentinel://a,b:5/main":                        "[a:26379 b:5] db 0 master main",
		"rediss+sentinel://u:p@a/main/2?sentinel_password=s": "[a:26379] db 2 user u password p tls master main s",
		"unix:///run/redis.sock?db=1":                        "[/run/redis.sock] db 1",
		"unix://:p@/run/redis.sock":                          "[/run/redis.sock] db 0 password p",
	} {
		opt, err := parseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := fmt.Sprintf("%v db %d", opt.InitAddress, opt.SelectDB)
		if opt.Username != "" {
			got += " user " + opt.Username
		}
		if opt.Password != "" {
			got += " password " + opt.Password
		}
		if opt.TLSConfig != nil {
			got += " tls"
		}
		if m := opt.Sentinel.MasterSet; m != "" {
			got += strings.TrimSuffix(" master "+m+" "+opt.Sentinel.Password, " ")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                    "does not parse",
		"localhost:6379":                      `begins with "localhost"`,
		"http://h":                            `begins with "http"`,
		"redis://":                            "takes host:port",
		"redis://:secret@":                    "takes host:port",
		"redis://:secret@h:x":                 "takes host:port",
		"redis://:secret@a,,b":                "takes host:port",
		"redis://:secret@h/x":                 "database's number",
		"redis://:secret@h/-1":                "database's number",
		"redis://:secret@h/1/2":               "too long a path",
		"redis://:se%zzcret@h":                "does not parse",
		"redis+sentinel://:secret@h":          "names no master",
		"redis+sentinel://:secret@h/main/x":   "database's number",
		"unix://:secret@host/run/redis.sock":  "names no socket",
		"unix+sentinel://:secret@/run/x/main": `begins with "unix+sentinel"`,
	} {
		_, err := parseURL(url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", url, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}
