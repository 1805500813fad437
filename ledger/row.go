package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/layergateway/layergateway/cost"
)

// Abandoned is the outcome of a request whose process died before it ended.
const Abandoned = "abandoned"

// Row is what became of one request. It holds nothing of what was said.
//
// Begin takes the row as far as it is known before the first upstream call,
// Settle the whole of it. Durations are as measured, counts as the client saw
// them, and whatever is unknown is the zero value.
type Row struct {
	ID    string    `json:"id"` // the request's id, which the client was told
	Start time.Time `json:"start"`

	Key    string `json:"key"`    // the client key's name
	KeyID  string `json:"key_id"` // stands for the key itself: a prefix of its hash
	Gate   string `json:"gate"`   // the gate's name
	GateID string `json:"gate_id"`
	// Session and User are the client's own words, as are Asked, which is the
	// model as it wrote it, and Agent, its User-Agent.
	Session string `json:"session"`
	User    string `json:"user"`
	Asked   string `json:"asked"`
	Agent   string `json:"agent"`
	// Client is the client's IP address.
	Client string `json:"client"`
	Trace  string `json:"trace"` // the trace's id
	Stream bool   `json:"stream"`

	// Provider and Model answered, or were asked last.
	Provider string    `json:"provider"`
	Model    string    `json:"model"`
	Attempts []Attempt `json:"attempts"`

	Outcome string `json:"outcome"`
	Status  int    `json:"status"` // the HTTP status that the client saw
	Error   string `json:"error"`  // the code of the error that it saw
	// NativeFinish is the provider's own word for why the answer ended.
	NativeFinish string   `json:"native_finish"`
	Overridden   []string `json:"overridden"`
	Dropped      []string `json:"dropped"`
	// Budget says what a budget did to the request: "exceeded", "cut".
	Budget []string `json:"budget"`

	// Usage is that of the answer, Bill what all attempts that were charged
	// for come to.
	Usage cost.Usage `json:"usage"`
	Bill  cost.Bill  `json:"bill"`
	// Price is the price that Bill was made with, as JSON that the ledger
	// only keeps. Equal prices are stored once.
	Price jsontext.Value `json:"-"`

	// FirstToken is the time from Start to the first content.
	FirstToken time.Duration `json:"first_token"`
	Total      time.Duration `json:"total"`
}

// Attempt is one upstream call.
type Attempt struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Status   int    `json:"status"` // the provider's; 0 if it did not answer
	// Failure is why it failed, in one word, or empty if it did not.
	Failure string `json:"failure"`
	Hedge   bool   `json:"hedge"` // begun beside another that was slow
	// Offset is the time from the row's Start to this attempt's.
	Offset     time.Duration `json:"offset"`
	Took       time.Duration `json:"took"`
	FirstToken time.Duration `json:"first_token"` // from the attempt's own start
	Usage      cost.Usage    `json:"usage"`
	Bill       cost.Bill     `json:"bill"`
}

// The most that is kept of a text that somebody else wrote, and of a list.
const (
	maxText = 512
	maxList = 64
)

// clean makes a row fit to be stored: its texts have an end, are UTF-8, and hold
// no NUL, which PostgreSQL refuses.
func (r *Row) clean() {
	for _, s := range []*string{
		&r.ID, &r.Key, &r.KeyID, &r.Gate, &r.GateID, &r.Session, &r.User, &r.Asked, &r.Agent, &r.Client,
		&r.Trace, &r.Provider, &r.Model, &r.Outcome, &r.Error, &r.NativeFinish, &r.Usage.Service, &r.Bill.PriceVersion,
	} {
		*s = cleanText(*s)
	}
	r.Overridden, r.Dropped, r.Budget = cleanList(r.Overridden), cleanList(r.Dropped), cleanList(r.Budget)
	// The last ones: they answered, and have the bill. The caller's own stay as they are.
	r.Attempts = slices.Clone(r.Attempts[max(0, len(r.Attempts)-maxList):])
	for i := range r.Attempts {
		a := &r.Attempts[i]
		for _, s := range []*string{&a.Provider, &a.Model, &a.Failure, &a.Usage.Service, &a.Bill.PriceVersion} {
			*s = cleanText(*s)
		}
	}
	if r.Bill.Status == "" {
		r.Bill.Status = cost.Unpriced
	}
}

func cleanList(list []string) []string {
	list = slices.Clone(list[:min(len(list), maxList)])
	for i, s := range list {
		list[i] = cleanText(s)
	}
	return list
}

func cleanText(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// amount is the row's cost, and whether it has one.
func (r *Row) amount() (cost.Amount, bool) {
	return r.Bill.Total, r.Bill.Status == cost.Exact || r.Bill.Status == cost.Estimated
}
