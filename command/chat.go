package command

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// DefaultURL is where a gateway of the example listens.
const DefaultURL = "http://localhost:3001/v1"

// ChatOptions say what is said, and to whom.
type ChatOptions struct {
	URL      string // of the API; "" is DefaultURL
	Key      string // "" is none
	Gate     string
	Words    []string // the message; one that is "-" stands for the standard input
	Model    string   // to be asked in place of the gate's
	System   string
	Image    string // a file's path or an address
	JSON     bool   // print what comes as it comes
	NoStream bool

	// Interrupts end the answer of a conversation that is coming, or the conversation where none is; nil is none.
	Interrupts <-chan os.Signal

	Client *http.Client     // nil is the default one
	Now    func() time.Time // nil is time.Now
}

// message is one of a conversation's.
type message struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

// part is one of a message with more than text.
type part struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitzero"`
	ImageURL *imageURL `json:"image_url,omitzero"`
}

type imageURL struct {
	URL string `json:"url"`
}

// chat is a conversation.
type chat struct {
	ChatOptions
	Streams
	endpoint string
	messages []message
}

// Chat sends a message to a gate of a running gateway, and prints the answer as it comes, then what it cost. Without a
// message it reads one from the standard input, or many if that is a terminal. It ends with ctx.
func Chat(ctx context.Context, s Streams, o ChatOptions) error {
	c := &chat{ChatOptions: o, Streams: s}
	var err error
	if c.endpoint, err = endpoint(o.URL); err != nil {
		return err
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if o.System != "" {
		c.messages = append(c.messages, message{"system", o.System})
	}
	image := ""
	if o.Image != "" {
		if image, err = imageAddress(o.Image); err != nil {
			return err
		}
	}
	if len(o.Words) == 0 && s.InTerminal {
		return c.converse(ctx, image)
	}
	text, err := c.text(ctx)
	if err != nil {
		return err
	}
	_, err = c.say(ctx, text, image)
	return err
}

// endpoint is the address of chat completions of an API.
func endpoint(text string) (string, error) {
	if text == "" {
		text = DefaultURL
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("--url: give the address of the gateway's API, such as " + DefaultURL)
	}
	path := strings.TrimRight(u.Path, "/")
	if path == "" {
		path = "/v1"
	}
	u.Path = strings.TrimSuffix(path, "/chat/completions") + "/chat/completions"
	return u.String(), nil
}

// text is what the words say.
func (c *chat) text(ctx context.Context) (string, error) {
	words := c.Words
	if len(words) == 0 {
		words = []string{"-"}
	}
	for i, w := range words {
		if w != "-" {
			continue
		}
		read, err := readAll(ctx, c.In)
		if err != nil {
			return "", err
		}
		words[i] = strings.TrimRight(read, "\r\n")
	}
	text := strings.Join(words, " ")
	if strings.TrimSpace(text) == "" {
		return "", errors.New("there is nothing to say: give a message behind the gate, or on the standard input")
	}
	return text, nil
}

// readAll reads a stream to its end, which may never come, or ctx's.
func readAll(ctx context.Context, r io.Reader) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(r)
		read <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", interrupted(ctx)
	case got := <-read:
		if got.err != nil {
			return "", fmt.Errorf("reading the message: %w", got.err)
		}
		return string(got.text), nil
	}
}

// converse says each line of a terminal, until there is no more.
func (c *chat) converse(ctx context.Context, image string) error {
	told := &printer{w: c.Err}
	told.printf("A conversation with %s. A line is a message; Ctrl-D ends it, Ctrl-C an answer.\n", oneLine(c.Gate))
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(c.In)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			lines <- in.Text()
		}
	}()
	for {
		told.printf("> ")
		var line string
		var more bool
		select {
		case <-ctx.Done():
		case <-c.Interrupts:
		case line, more = <-lines:
		}
		if !more {
			told.printf("\n")
			return told.err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		before := len(c.messages)
		answer, err := c.interruptibly(ctx, line, image)
		switch code, tell := ExitCode(err); {
		case ctx.Err() != nil && err != nil:
			return err
		case err == nil, code == CodeInterrupted && answer != "":
			c.messages = append(c.messages, message{"assistant", answer})
			image = ""
		case code == CodeInterrupted:
			c.messages = c.messages[:before]
			told.printf("\n") // behind the terminal's own ^C
		default:
			c.messages = c.messages[:before] // so that the next line may do better
			if tell {
				told.printf("Error: %v\n", err)
			}
		}
	}
}

// interruptibly says something until it is answered, or the user has enough of the answer.
func (c *chat) interruptibly(ctx context.Context, text, image string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	answer, err := c.say(ctx, text, image)
	cancel()
	<-watched // the next interrupt is the prompt's
	return answer, err
}

// say sends one message, with all that was said before, and returns the answer that it has printed.
func (c *chat) say(ctx context.Context, text, image string) (string, error) {
	next := message{"user", text}
	if image != "" {
		next.Content = []part{{Type: "text", Text: text}, {Type: "image_url", ImageURL: &imageURL{image}}}
	}
	c.messages = append(c.messages, next)
	body, err := json.Marshal(c.request())
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "caddy-layer-chat")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	a := &answer{chat: c, start: c.Now(), out: printer{w: c.Out}, came: func() {}}
	if c.ErrTerminal {
		a.came = showWaiting(c.Err)
		defer a.came()
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "", interrupted(ctx)
		}
		return "", fmt.Errorf("no gateway answers at %s: start it, or say with --url where it is: %w", c.endpoint, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	return a.print(ctx, resp)
}

// request is the body of a request. A model of its own stands where else the gate would.
func (c *chat) request() any {
	type options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	r := struct {
		GateID        string    `json:"gateId,omitzero"`
		Model         string    `json:"model"`
		Messages      []message `json:"messages"`
		Stream        bool      `json:"stream,omitzero"`
		StreamOptions *options  `json:"stream_options,omitzero"`
	}{Model: c.Gate, Messages: c.messages}
	if c.Model != "" {
		r.GateID, r.Model = c.Gate, c.Model
	}
	if !c.NoStream {
		r.Stream, r.StreamOptions = true, &options{true}
	}
	return r
}

// maxImage is how large an image of a file may be.
const maxImage = 20 << 20

// imageAddress is the address of an image, of which a file's holds the file.
func imageAddress(image string) (string, error) {
	for _, scheme := range []string{"https://", "http://", "data:"} {
		if strings.HasPrefix(image, scheme) {
			return image, nil
		}
	}
	file, err := os.Open(image)
	if err != nil {
		return "", fmt.Errorf("--image: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxImage+1))
	if err != nil {
		return "", fmt.Errorf("--image: %w", err)
	}
	if len(data) > maxImage {
		return "", fmt.Errorf("--image: %s is larger than %d MiB", image, maxImage>>20)
	}
	kind := http.DetectContentType(data)
	if !strings.HasPrefix(kind, "image/") {
		return "", fmt.Errorf("--image: %s is not an image (%s)", image, kind)
	}
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data), nil
}
