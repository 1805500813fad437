package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
)

// The credentials that the providers take.
const (
	OpenAIKey    = "sk-upstream-openai-0000000000000000"
	AnthropicKey = "sk-ant-upstream-anthropic-00000000"
	GoogleKey    = "AIzaUpstreamGoogle0000000000000000000"
)

// dialect is one provider's way of asking, answering and refusing.
type dialect interface {
	name() string
	// read checks a request as the provider would.
	read(r *http.Request, body []byte) (*ask, *refusal)
	// refuse writes an error in the provider's shape.
	refuse(w http.ResponseWriter, no *refusal, id string)
	// ordered is the provider's own error of a status.
	ordered(o *orders) *refusal
	// header sets what the provider sends with every answer.
	header(h http.Header, id string)
	// whole is the answer as one document.
	whole(x *exchange) jsontext.Value
	// stream writes the answer as events, and an error event if a chunk was refused by order.
	stream(x *exchange) error
}

// Server serves the three providers and the journal of what they were asked. It is an [http.Handler];
// several requests at once are fine.
type Server struct {
	journal *Journal
	mux     *http.ServeMux
	answers atomic.Int64
	mu      sync.Mutex
	struck  map[string]int // by tag, how often an order with times has struck
}

// New returns a server with an empty journal.
func New() *Server {
	s := &Server{journal: newJournal(), mux: http.NewServeMux(), struck: map[string]int{}}
	s.mux.Handle("POST /openai/v1/chat/completions", s.serve(openAIItself))
	for i := range family {
		s.mux.Handle("POST /"+family[i].name+"/v1/chat/completions", s.serve(openAI{&family[i]}))
	}
	s.mux.Handle("POST /anthropic/v1/messages", s.serve(anthropic{}))
	s.mux.Handle("POST /google/v1beta/models/{action}", s.serve(google{}))
	s.mux.Handle("POST /cohere/v2/chat", s.serve(cohere{}))
	s.mux.Handle("POST /bedrock/model/{model}/{operation}", s.serve(bedrock{}))
	s.mux.Handle("POST /vertex/v1/publishers/google/models/{action}", s.serve(google{vertex: true}))
	s.mux.Handle("/openai/", nowhere(openAIItself))
	s.mux.Handle("/anthropic/", nowhere(anthropic{}))
	s.mux.Handle("/google/", nowhere(google{}))
	s.mux.Handle("/journal", s.journal)
	s.mux.HandleFunc("GET /picture.png", picture)
	return s
}

// Journal is what the server was asked.
func (s *Server) Journal() *Journal { return s.journal }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// nowhere refuses a path or method that the provider does not have.
func nowhere(d dialect) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		no := d.ordered(&orders{status: http.StatusNotFound})
		no.message = fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path)
		d.refuse(w, no, "nowhere")
	})
}

// picture is one pixel, for whom a URL must lead to an image.
func picture(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\b\x06\x00\x00\x00\x1f\x15\xc4\x89" +
		"\x00\x00\x00\vIDATx\x9cc`\x00\x02\x00\x00\x05\x00\x01z^\xab?\x00\x00\x00\x00IEND\xaeB`\x82"))
}

func (s *Server) serve(d dialect) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
		if err != nil {
			return
		}
		entry := s.journal.open(d.name(), r, body)
		id := fmt.Sprintf("%08d", s.answers.Add(1))
		d.header(w.Header(), id)
		a, no := d.read(r, body)
		x := &exchange{w: w, ctx: r.Context(), journal: s.journal, entry: entry, ask: a, id: id}
		if no == nil {
			no = s.prepare(x, d)
		}
		if no != nil {
			s.journal.change(func() { entry.Status, entry.Refusal, entry.Outcome = no.status, no.message, Refused })
			d.refuse(w, no, id)
			return
		}
		s.answer(x, d)
	})
}

// prepare reads the directives of a request and plans its answer, or refuses it by order.
func (s *Server) prepare(x *exchange, d dialect) *refusal {
	o, prompt, err := parseOrders(x.ask.prompt, d.name())
	if err != nil {
		no := d.ordered(&orders{status: http.StatusBadRequest})
		no.message = err.Error()
		return no
	}
	if o.strikes() && o.times >= 0 && !s.strike(d.name()+"/"+o.tag, o.times) {
		o.spare()
	}
	x.orders = o
	s.journal.change(func() { x.entry.Model, x.entry.Stream = x.ask.model, x.ask.stream })
	if o.status != 0 {
		no := d.ordered(&o)
		no.retryAfter, no.html = o.retryAfter, o.html
		return no
	}
	x.answer = plan(x.ask, &o, prompt)
	s.journal.change(func() { x.entry.Usage = x.answer.usage })
	return nil
}

// strike counts a fault of a tag, and reports whether it is among the first n.
func (s *Server) strike(tag string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.struck[tag]++
	return s.struck[tag] <= n
}

func (s *Server) answer(x *exchange, d dialect) {
	err := x.wait(x.orders.delay)
	if err == nil && (x.orders.hang || (!x.ask.stream && x.orders.stall >= 0)) {
		<-x.ctx.Done()
		err = x.ctx.Err()
	}
	if err == nil {
		if x.ask.stream {
			err = d.stream(x)
		} else {
			err = x.document(d.whole(x))
		}
	}
	outcome := Answered
	switch {
	case errors.Is(err, errCut):
		outcome = Cut
	case err != nil:
		outcome = Cancelled
	}
	s.journal.change(func() { x.entry.Outcome = outcome })
	if outcome != Answered {
		panic(http.ErrAbortHandler) // closes the connection without an end of the body
	}
}
