package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/cost"
	"github.com/layergateway/layergateway/sse"
)

// maxAnswer bounds an answer that is not streamed.
const maxAnswer = 128 << 20

// answer is one answer as it comes.
type answer struct {
	*chat
	out   printer
	start time.Time
	first time.Duration // to the first content; 0 if none came
	text  strings.Builder
	facts facts
	done  bool   // it has its end
	came  func() // something is to be printed
}

// facts are what an answer says of itself; a stream says it in parts.
type facts struct {
	Choices []struct {
		Delta        words  `json:"delta"`
		Message      words  `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		PromptIs   struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		CompletionIs struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
		CostIs struct {
			Status cost.Status `json:"status"`
		} `json:"cost_details"`
	} `json:"usage"`
	Cost  *cost.Amount `json:"cost"`
	Layer *struct {
		Provider       string   `json:"provider"`
		Model          string   `json:"model"`
		Attempts       int      `json:"attempts"`
		BudgetExceeded bool     `json:"budget_exceeded"`
		Overridden     []string `json:"overridden"`
		Dropped        []string `json:"dropped"`
	} `json:"layer"`
	Error *failure `json:"error"`
}

type words struct {
	Content string `json:"content"`
	Refusal string `json:"refusal"`
}

// failure is OpenAI's error object.
type failure struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Code    string `json:"code"`
}

// print prints the answer while it comes, and then what is known of it.
func (a *answer) print(ctx context.Context, resp *http.Response) (string, error) {
	err := a.read(resp)
	a.came()
	if a.text.Len() > 0 && !a.JSON {
		a.out.printf("\n")
	}
	switch {
	case a.out.err != nil:
		return "", fmt.Errorf("printing the answer: %w", a.out.err)
	case ctx.Err() != nil:
		err = interrupted(ctx)
	case err == nil && !a.done:
		err = no(errors.New("the answer ended before it was whole"))
	}
	if told := a.tell(); told != nil && err == nil {
		err = told
	}
	return a.text.String(), err
}

func (a *answer) read(resp *http.Response) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case kind == sse.ContentType:
		return a.stream(resp.Body)
	case kind != "application/json":
		return no(fmt.Errorf("%s answered %s, and not as the API of a gateway: is --url right?", a.endpoint, resp.Status))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	a.done = true
	return a.take(resp.StatusCode, body)
}

func (a *answer) stream(body io.Reader) error {
	events := sse.NewReader(body, 0)
	for {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if string(event.Data) == "[DONE]" {
			a.done = true
			if a.JSON {
				a.out.printf("[DONE]\n")
			}
			continue
		}
		if err := a.take(http.StatusOK, event.Data); err != nil || a.out.err != nil {
			return err
		}
	}
}

// take takes in an answer, or one chunk of it.
func (a *answer) take(status int, data []byte) error {
	if a.JSON {
		a.came()
		a.out.printf("%s\n", data)
	}
	var more facts
	if err := json.Unmarshal(data, &more); err != nil {
		return no(fmt.Errorf("the answer can't be read: %w", err))
	}
	if more.Error != nil {
		return no(more.Error.explain(status))
	}
	for _, c := range more.Choices {
		for _, text := range []string{c.Message.Content, c.Message.Refusal, c.Delta.Content, c.Delta.Refusal} {
			a.say(text)
		}
	}
	if more.Usage != nil {
		a.facts.Usage = more.Usage
	}
	if more.Cost != nil {
		a.facts.Cost = more.Cost
	}
	if more.Layer != nil {
		a.facts.Layer = more.Layer
	}
	return nil
}

func (a *answer) say(text string) {
	if text == "" {
		return
	}
	a.came()
	if a.first == 0 {
		a.first = a.Now().Sub(a.start)
	}
	a.text.WriteString(text)
	if a.JSON {
		return
	}
	if a.OutTerminal {
		text = harmless(text)
	}
	a.out.printf("%s", text)
}

// explain is an error that says what the user can do.
func (f *failure) explain(status int) error {
	hint := ""
	switch f.Code {
	case "invalid_api_key":
		hint = ": give a key with --key, or in LAYER_API_KEY"
	case "gate_not_found":
		hint = ": `caddy layer gates list` lists those that there are"
	}
	text := oneLine(f.Message)
	if f.Code != "" {
		text = oneLine(f.Code) + ": " + text
	}
	if status != http.StatusOK {
		text = fmt.Sprintf("the gateway answered %d: %s", status, text)
	}
	return errors.New(text + hint)
}

// tell prints what the answer cost and took, for the eyes of a human.
func (a *answer) tell() error {
	list := []string{}
	f := &a.facts
	if l := f.Layer; l != nil {
		from := l.Provider + "/" + l.Model
		if l.Attempts > 1 {
			from += fmt.Sprintf(" (%d attempts)", l.Attempts)
		}
		list = append(list, from)
	}
	if f.Usage != nil {
		list = append(list, a.tokens())
	}
	if f.Layer != nil {
		list = append(list, a.price())
	}
	if a.first > 0 {
		list = append(list, "first token "+seconds(a.first))
	}
	if len(list) == 0 {
		return nil // an error says all
	}
	list = append(list, "total "+seconds(a.Now().Sub(a.start)))
	if l := f.Layer; l != nil {
		for _, note := range []struct {
			what   string
			fields []string
		}{{"overridden", l.Overridden}, {"dropped", l.Dropped}} {
			if len(note.fields) > 0 {
				list = append(list, note.what+": "+strings.Join(note.fields, ", "))
			}
		}
		if l.BudgetExceeded {
			list = append(list, "cut where the budget ends")
		}
	}
	line := oneLine(strings.Join(list, " · "))
	if a.ErrTerminal {
		line = "\x1b[2m" + line + "\x1b[0m"
	}
	_, err := fmt.Fprintln(a.Err, line)
	return err
}

func (a *answer) tokens() string {
	u := a.facts.Usage
	text := fmt.Sprintf("%d tokens in", u.Prompt)
	if u.PromptIs.Cached > 0 {
		text += fmt.Sprintf(" (%d cached)", u.PromptIs.Cached)
	}
	text += fmt.Sprintf(", %d out", u.Completion)
	if u.CompletionIs.Reasoning > 0 {
		text += fmt.Sprintf(" (%d reasoning)", u.CompletionIs.Reasoning)
	}
	return text
}

func (a *answer) price() string {
	switch f := &a.facts; {
	case f.Cost == nil:
		return "cost unknown"
	case f.Usage != nil && f.Usage.CostIs.Status == cost.Estimated:
		return "about " + f.Cost.String() + " USD"
	default:
		return f.Cost.String() + " USD"
	}
}

// seconds is a time with as many digits as one reads.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
