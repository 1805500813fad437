package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestLiteral(t *testing.T) {
	got, err := literal("{a:1,b_2:[.5,2e5,-3],\"c d\":'it\\'s',e:`two\nlines`,f:!0,g:!1,h:null,i:{},j:[]};rest")
	want := map[string]any{
		"a": number("1"), "b_2": []any{number("0.5"), number("2e5"), number("-3")}, "c d": "it's",
		"e": "two\nlines", "f": true, "g": false, "h": nil, "i": map[string]any{}, "j": []any{},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	for _, in := range []string{"", "{", "[1", "{a:1,a:2}", "{a 1}", `"open`, "`${x}`", `"\x41"`, "f()", "1.2.3", "[1 2]"} {
		if v, err := literal(in); err == nil {
			t.Errorf("literal(%q) = %v, want an error", in, v)
		}
	}
}

// bundle is a package's file with the given models at OpenAI and none at the
// other providers.
func bundle(models string) string {
	list := `{id:"openai",models:[` + models + `]}`
	for id := range types {
		if id != "openai" {
			list += `,{id:"` + id + `",models:[]}`
		}
	}
	return `"use strict";const E=[` + list + `],X={};`
}

func TestReduceModel(t *testing.T) {
	tests := []struct{ name, model, want string }{
		{
			"ids and rules",
			`{id:"M",match:{or:[{equals:"m"},{equals:"M-1"},{starts_with:"m-x"}]},prices:{input_mtok:.25,output_mtok:1,web_searches_kcount:10}}`,
			`{"provider":"openai","id":"m","is":["m-1"],"match":[{"starts_with":"m-x"}],"prices":[{"input":0.25,"output":1,"searches":10}]}`,
		}, {
			"an id that its rules don't match",
			`{id:"label",match:{equals:"path/m"},prices:{input_mtok:1}}`,
			`{"provider":"openai","id":"path/m","prices":[{"input":1}]}`,
		}, {
			"lookahead",
			`{id:"m",match:{and:[{starts_with:"m"},{regex:"^(?!.*-tts$)"}]},prices:{input_mtok:1}}`,
			`{"provider":"openai","id":"m","match":[{"and":[{"starts_with":"m"},{"not":{"regex":"-tts$"}}]}],"prices":[{"input":1}]}`,
		}, {
			"tiers",
			`{id:"m",match:{equals:"m"},prices:{input_mtok:{base:1,tiers:[{start:2e5,price:2}]},cache_read_mtok:.5,output_mtok:{base:3,tiers:[{start:1e5,price:4},{start:2e5,price:5}]}}}`,
			`{"provider":"openai","id":"m","prices":[{"input":1,"cached_input":0.5,"output":3,"tiers":[` +
				`{"above":100000,"input":1,"cached_input":0.5,"output":4},{"above":200000,"input":2,"cached_input":0.5,"output":5}]}]}`,
		}, {
			"dates and hours",
			`{id:"m",match:{equals:"m"},prices:[{prices:{input_mtok:1}},{constraint:{type:"start_date",start_date:"2026-01-02"},prices:{input_mtok:2}},` +
				`{constraint:{type:"time_of_date",start_time:"08:30:00+08:00",end_time:"16:30:00Z"},prices:{input_mtok:3,requests_kcount:5}}]}`,
			`{"provider":"openai","id":"m","prices":[{"input":1},{"since":"2026-01-02","input":2},{"hours":["00:30:00","16:30:00"],"input":3,"requests":5}]}`,
		}, {
			"by the hour only",
			`{id:"m",match:{equals:"m"},prices:{audio_hours:.36}}`, `{"provider":"openai","id":"m"}`,
		}, {
			"no price", `{id:"m",match:{equals:"m"},prices:{}}`, `{"provider":"openai","id":"m"}`,
		}, {
			"free", `{id:"m:free",match:{equals:"m:free"},prices:{}}`, `{"provider":"openai","id":"m:free","prices":[{}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := reduce(bundle(tt.model), "1.2.3", "2026-01-02")
			if err != nil {
				t.Fatal(err)
			}
			if line := strings.Split(string(got), "\n")[6]; line != tt.want {
				t.Errorf("got  %s\nwant %s", line, tt.want)
			}
		})
	}
}

func TestReduceRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, model := range []string{
		`{id:"m",match:{equals:"m"},prices:{input_mtok:1,output_smell_mtok:1}}`,
		`{id:"m",match:{sounds_like:"m"},prices:{input_mtok:1}}`,
		`{id:"m",match:{regex:"(?=m)"},prices:{input_mtok:1}}`,
		`{id:"m",match:{equals:"m"},prices:[{constraint:{type:"moon"},prices:{input_mtok:1}}]}`,
		`{id:"label",match:{regex:"^m$"},prices:{input_mtok:1}}`,
	} {
		if got, err := reduce(bundle(model), "1.2.3", "2026-01-02"); err == nil {
			t.Errorf("no error for %s, but %s", model, got)
		}
	}
	if _, err := reduce(`const E=[{id:"openai",models:[]}]`, "1.2.3", "2026-01-02"); err == nil {
		t.Error("no error for missing providers")
	}
}
