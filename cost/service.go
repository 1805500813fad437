package cost

// Share is a part of the standard price, such as 1/2. Den is above 0.
type Share struct {
	Num int64 `json:"num"`
	Den int64 `json:"den"`
}

// of is that part of an amount, rounded down to the picodollar.
func (s Share) of(a Amount) Amount {
	if s.Num == s.Den {
		return a
	}
	return a.scale(Amount(s.Num), Amount(s.Den))
}

// services are the service tiers, by provider type, whose price follows from the
// standard one by a rule that the provider states. Fees are not tokens, and
// these rules are for tokens alone.
//
// Not here, and so no more than estimated, are those with a price of their own
// for each model, which the list doesn't have: OpenAI's and Bedrock's priority,
// Bedrock's flex, Google's priority (1.75 to 2 times the standard), and what is
// sold by contract, as Anthropic's priority and provisioned throughput are.
var services = map[string]map[string]Share{
	// Flex is priced as the Batch API, which is half price:
	// https://platform.openai.com/docs/guides/flex-processing.
	"openai": {"flex": {1, 2}, "batch": {1, 2}},
	// https://docs.claude.com/en/docs/build-with-claude/batch-processing;
	// inference in the US alone: https://docs.claude.com/en/build-with-claude/data-residency.
	"anthropic": {"batch": {1, 2}, "us": {11, 10}},
	// https://ai.google.dev/gemini-api/docs/pricing: half the standard price.
	"google": {"flex": {1, 2}, "batch": {1, 2}},
}

// service is what a service tier costs; false if that is not known, and then it
// is the standard price.
func (p *Price) service(name string) (Share, bool) {
	switch name {
	case "", "standard", "default", "auto", "on_demand":
		return Share{1, 1}, true
	}
	share, ok := p.Services[name]
	if !ok {
		return Share{1, 1}, false
	}
	return share, true
}
