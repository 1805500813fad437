package cohere

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/internal/recorded"
	"github.com/layergateway/layergateway/provider"
)

func TestRecordings(t *testing.T) {
	cases := recorded.Load(t, "cohere")
	recorded.Play(t, cases, func(recorded.Case) provider.Chat { return New() })
	for _, c := range cases {
		if c.Failed() {
			continue
		}
		t.Run(c.ID+"/charges", func(t *testing.T) {
			var body struct {
				Message struct {
					ToolPlan *string `json:"tool_plan"`
				} `json:"message"`
				Usage struct {
					Billed struct {
						Input  int64 `json:"input_tokens"`
						Output int64 `json:"output_tokens"`
					} `json:"billed_units"`
				} `json:"usage"`
			}
			if err := json.Unmarshal(c.Body, &body); err != nil {
				t.Fatal(err)
			}
			p := c.WholeToWhole(t, New())
			if p.Usage.BilledInput != cost.Of(body.Usage.Billed.Input) || p.Usage.BilledOutput != cost.Of(body.Usage.Billed.Output) {
				t.Errorf("charged %+v, want %+v", p.Usage, body.Usage.Billed)
			}
			plan := ""
			if body.Message.ToolPlan != nil {
				b, _ := jsontext.AppendQuote(nil, *body.Message.ToolPlan)
				plan = string(b)
			}
			if got := p.Members["tool_plan"]; got != plan {
				t.Errorf("tool_plan is %s, want %s", got, plan)
			}
			if _, ok := p.Members["annotations"]; ok {
				t.Error("annotations of sources that are no web pages")
			}
		})
	}
}
