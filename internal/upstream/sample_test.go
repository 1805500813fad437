package upstream

import "testing"

func TestSample(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"b":{"type":"boolean"},"a":{"type":"array","items":{"type":"number"}}}}`:             `{"a":[1],"b":true}`,
		`{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","properties":{"s":{"type":"string"}}}}}`:                          `{"s":"Paris"}`,
		`{"type":"object","properties":{"n":{"type":["null","integer"],"minimum":7},"c":{"const":"k"},"z":{"type":"null"}}}`: `{"c":"k","n":7,"z":null}`,
		`{"anyOf":[{"enum":["x","y"]},{"type":"null"}]}`:                                                                     `"x"`,
		`{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}`:                                                             `{"a":"Paris"}`,
		`{"type":"object","properties":{"next":{"$ref":"#"}}}`:                                                               `{"next":{"next":{"next":{"next":{"next":null}}}}}`,
		`{"properties":{"a":{}}}`: `{"a":"Paris"}`,
		`{}`:                      `"Paris"`,
	} {
		if got := string(sample(parse(t, schema), 0)); got != want {
			t.Errorf("%s: %s, want %s", schema, got, want)
		}
	}
	if got := string(sample(parse(t, `{"type":"object","properties":{"city":{"type":"string"},"n":{"type":"integer"}}}`), 1)); got != `{"city":"Tokyo","n":2}` {
		t.Errorf("second of parallel calls: %s", got)
	}
}

func TestDirectives(t *testing.T) {
	o, plain, err := parseOrders("  a [[slow=5,tag=t.1]] b[[on=google,status=500]] [[on=openai,cut]]", "openai")
	if err != nil || plain != "a b" || o.slow.Milliseconds() != 5 || o.tag != "t.1" || o.status != 0 || o.cut != 0 || o.stall != -1 || o.calls != 1 {
		t.Errorf("%+v %q %v", o, plain, err)
	}
	for _, bad := range []string{"[[slow]]", "[[nonsense]]", "[[status=x]]", "[[tag]]", "[[hang=1]]"} {
		if _, _, err := parseOrders(bad, "openai"); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
