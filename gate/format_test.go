package gate

import "testing"

func TestResponseFormat(t *testing.T) {
	const schema = `{"type":"object","properties":{"n":{"type":"number","maximum":1.50}}}`
	for name, test := range map[string]struct{ members, want, mistake string }{
		"none":                        {``, ``, ``},
		"text":                        {`"responseFormatType":"text"`, `{"type":"text"}`, ``},
		"json_object":                 {`"responseFormatType":"json_object","responseFormatEnabled":true`, `{"type":"json_object"}`, ``},
		"disabled":                    {`"responseFormatType":"json_object","responseFormatEnabled":false`, ``, ``},
		"disabled with a schema left": {`"responseFormatEnabled":false,"responseFormatSchema":` + schema, ``, ``},
		"bare schema": {`"responseFormatType":"json_schema","responseFormatSchema":` + schema,
			`{"type":"json_schema","json_schema":{"name":"response","schema":` + schema + `}}`, ``},
		"named after the gate": {`"name":"my gäte/1","responseFormatType":"json_schema","responseFormatSchema":{ "type" : "object" }`,
			`{"type":"json_schema","json_schema":{"name":"my_g_te_1","schema":{"type":"object"}}}`, ``},
		"wrapped": {`"name":"x","responseFormatType":"json_schema","responseFormatSchema":{"name":"answer","strict":true,"description":"d","schema":` + schema + `}`,
			`{"type":"json_schema","json_schema":{"name":"answer","description":"d","strict":true,"schema":` + schema + `}}`, ``},
		"wrapped, not strict, no name": {`"name":"x","responseFormatType":"json_schema","responseFormatSchema":{"strict":false,"schema":{}}`,
			`{"type":"json_schema","json_schema":{"name":"x","strict":false,"schema":{}}}`, ``},
		"a schema with a property called schema": {`"responseFormatType":"json_schema","responseFormatSchema":{"type":"object","properties":{"schema":{}}}`,
			`{"type":"json_schema","json_schema":{"name":"response","schema":{"type":"object","properties":{"schema":{}}}}}`, ``},

		"unknown type":         {`"responseFormatType":"yaml"`, ``, `responseFormatType: unknown value "yaml": it can be text, json_object, json_schema`},
		"schema without type":  {`"responseFormatSchema":{}`, ``, `responseFormatType: is missing: with responseFormatSchema it is "json_schema"`},
		"enabled without type": {`"responseFormatEnabled":true`, ``, `responseFormatType: is missing: responseFormatEnabled is true`},
		"type without schema":  {`"responseFormatType":"json_schema"`, ``, `responseFormatSchema: is missing: json_schema needs one`},
		"schema of text":       {`"responseFormatType":"text","responseFormatSchema":{}`, ``, `responseFormatSchema: is only for json_schema: remove it, or change responseFormatType`},
		"schema is a list":     {`"responseFormatType":"json_schema","responseFormatSchema":[]`, ``, `responseFormatSchema: must be a JSON schema that is an object`},
		"wrapped text":         {`"responseFormatType":"json_schema","responseFormatSchema":{"schema":"x"}`, ``, `responseFormatSchema: schema: must be a JSON schema that is an object`},
		"bad name":             {`"responseFormatType":"json_schema","responseFormatSchema":{"name":"a b","schema":{}}`, ``, `responseFormatSchema: name: "a b" must be 1 to 64 letters, digits, - or _`},
		"empty name":           {`"responseFormatType":"json_schema","responseFormatSchema":{"name":"","schema":{}}`, ``, `responseFormatSchema: name: "" must be 1 to 64 letters, digits, - or _`},
		"strict as text":       {`"responseFormatType":"json_schema","responseFormatSchema":{"strict":"yes","schema":{}}`, ``, `responseFormatSchema: strict: must be true or false`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Decode([]byte(gateWith(test.members)))
			if test.mistake != "" {
				if err == nil || err.Error() != test.mistake {
					t.Fatalf("got  %v\nwant %s", err, test.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			g, err := compile(c, "", split)
			if err != nil {
				t.Fatal(err)
			}
			if string(g.ResponseFormat) != test.want || (test.want == "") != (g.ResponseFormat == nil) {
				t.Errorf("got  %s\nwant %s", g.ResponseFormat, test.want)
			}
		})
	}
}
