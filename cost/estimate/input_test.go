package estimate

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/layergateway/layergateway/openai"
)

func parse(t testing.TB, body string) *openai.Request {
	t.Helper()
	r, err := openai.ParseChat([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func picture(t *testing.T, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

func user(content string) string {
	return `{"messages":[{"role":"user","content":` + content + `}]}`
}

func TestInput(t *testing.T) {
	img := func(url, detail string) string {
		return user(fmt.Sprintf(`[{"type":"image_url","image_url":{"url":%q,"detail":%q}}]`, url, detail))
	}
	const frame = 3 + 4 + 1 // the answer, a message, its end
	tests := []struct {
		name, model, body string
		want              int64
	}{
		{"text", "gpt-4o", user(`"hello world"`), frame + 2},
		{"parts", "gpt-4o", user(`[{"type":"text","text":"hello"},{"type":"text","text":" world"}]`), frame + 2},
		{"two messages", "gpt-4o", `{"messages":[{"role":"system","content":"hello world"},{"role":"user","content":"hello world"}]}`, frame + 2 + 5 + 2},
		{"a tool", "gpt-4o", `{"messages":[{"role":"user","content":"hello world"}],"tools":[{"type":"function","function":{"name":"hello","description":"world"}}]}`,
			frame + 2 + 8 + 4}, // hello, \n, world, \n
		// 1024x1024: scaled to 768x768, four tiles: 85 + 4*170
		{"an image out of sight", "gpt-4o", img("https://example.com/x", "high"), frame + 765},
		{"an image of no detail", "gpt-4o", img("https://example.com/x", "low"), frame + 85},
		// 512x512 is one tile: 85 + 170
		{"a small image", "gpt-4o", img(picture(t, 512, 512), "auto"), frame + 255},
		// 2833 + 4*5667
		{"an image for a small model", "gpt-4o-mini", img("https://example.com/x", ""), frame + 25501},
		// 16*16 patches * 1.62
		{"an image in patches", "gpt-4.1-mini", img(picture(t, 512, 512), ""), frame + 414},
		// 512*512/750; the newline is two tokens by the quarter more, rounded up
		{"an image for Claude", "claude-sonnet-4-5", img(picture(t, 512, 512), ""), frame + 1 + 350},
		// 300x300 is one tile
		{"a small image for Gemini", "gemini-2.5-flash", img(picture(t, 300, 300), ""), frame + 258},
		// unit 1024*2/3 = 682: 2*2 tiles
		{"an image for Gemini", "models/gemini-2.5-flash", img("https://example.com/x", ""), frame + 1032},
		{"an image for Gemini 3", "gemini-3-pro-preview", img("https://example.com/x", ""), frame + 1120},
		// 480,000 bytes of wav are ten seconds
		{"audio", "gpt-4o-audio-preview", user(`[{"type":"input_audio","input_audio":{"format":"wav","data":"` + strings.Repeat("A", 640_000) + `"}}]`), frame + 100},
		{"audio for Gemini", "gemini-2.5-pro", user(`[{"type":"input_audio","input_audio":{"format":"wav","data":"` + strings.Repeat("A", 640_000) + `"}}]`), frame + 320},
		// 75,000 bytes are two pages
		{"a document", "claude-sonnet-4-5", user(`[{"type":"file","file":{"file_data":"` + strings.Repeat("A", 100_000) + `"}}]`), frame + 1 + 4000},
		{"a video", "gemini-2.5-pro", user(`[{"type":"video_url","video_url":{"url":"https://example.com/v"}}]`), frame + 60*290},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Input(parse(t, tt.body), new(openai.Edits), tt.model); got != tt.want {
				t.Errorf("%d tokens, want %d", got, tt.want)
			}
		})
	}
}

func TestInputHasTheEdits(t *testing.T) {
	r := parse(t, user(`"hello world"`))
	e := new(openai.Edits)
	e.Set("messages", []byte(`[{"role":"system","content":"hello world"},`), []byte(`{"role":"user","content":"hello world"}]`))
	if got := Input(r, e, "gpt-4o"); got != 3+4+2+1+4+2+1 {
		t.Errorf("%d tokens", got)
	}
}

// Upper is not below Input for what requests usually are, nor far above it.
func TestUpper(t *testing.T) {
	english := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 50)
	tests := map[string]string{
		"english": user(`"` + english + `"`),
		"code":    user(`"` + strings.Repeat(`for (let i = 0; i < items.length; i++) { total += items[i].price * 3; }\n`, 30) + `"`),
		"chinese": user(`"` + strings.Repeat("网关把每个请求的费用都记下来，一分钱也不差。", 40) + `"`),
		"image":   user(`[{"type":"text","text":"` + english + `"},{"type":"image_url","image_url":{"url":"` + picture(t, 1600, 1200) + `"}}]`),
		"images": user(`[{"type":"image_url","image_url":{"url":"` + picture(t, 1600, 1200) + `"}},{"type":"image_url","image_url":{"url":"` +
			picture(t, 2000, 2000) + `"}},{"type":"image_url","image_url":{"url":"https://example.com/x"}}]`),
		"audio": user(`[{"type":"text","text":"` + english + `"},{"type":"input_audio","input_audio":{"data":"` +
			strings.Repeat("A", 400_000) + `","format":"mp3"}}]`),
		"pdf": user(`[{"type":"text","text":"` + english + `"},{"type":"file","file":{"file_data":"data:application/pdf;base64,` +
			strings.Repeat("A", 400_000) + `"}}]`),
	}
	for name, body := range tests {
		for _, model := range []string{"gpt-4o", "gpt-4.1-mini", "claude-sonnet-4-5", "gemini-2.5-flash"} {
			r := parse(t, body)
			in, top := Input(r, new(openai.Edits), model), Measure(r, new(openai.Edits)).Upper(model)
			if top < in || top > 4*in {
				t.Errorf("%s at %s: at most %d tokens, but %d", name, model, top, in)
			}
		}
	}
}

// TestUpperHasTheEdits: a gate's system prompt is input like the client's own.
func TestUpperHasTheEdits(t *testing.T) {
	r := parse(t, user(`"hello world"`))
	long := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 500)
	e := new(openai.Edits)
	e.Set("messages", r.PrependMessage([]byte(`{"role":"system","content":"`+long+`"}`))...)
	e.Set("max_tokens", []byte("10"))
	in, top := Input(r, e, "gpt-4o"), Measure(r, e).Upper("gpt-4o")
	if top < in || top > 4*in {
		t.Errorf("at most %d tokens, but %d", top, in)
	}
	// What is left out takes nothing off what the rest has.
	e.Set("messages", []byte(`[]`))
	if got, plain := Measure(r, e), Measure(r, new(openai.Edits)); got.text < plain.text {
		t.Errorf("%d bytes, without the edits %d", got.text, plain.text)
	}
}

// TestUpperOfNames: what has the names of attachments outside of messages is text.
func TestUpperOfNames(t *testing.T) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20_000)
	for _, value := range []string{
		`{"file_data":"` + text + `"}`, `{"image_url":";base64,` + text + `"}`, `{"input_audio":{"data":"` + text + `"}}`,
	} {
		body := `{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"default":` + value + `}}}]}`
		r := parse(t, body)
		in, top := Input(r, new(openai.Edits), "gpt-4o"), Measure(r, new(openai.Edits)).Upper("gpt-4o")
		if top < in || top > 4*in {
			t.Errorf("%.20s: at most %d tokens, but %d", value, top, in)
		}
	}
}

func TestUpperOfOddBodies(t *testing.T) {
	for _, body := range []string{
		user(`";base64,"`), user(`"x;base64,\"input_audio\""`), user(`"\"input_audio\":{\"data\""`),
		user(`[{"type":"input_audio","input_audio":{"data":""}}]`), user(`[{"type":"input_audio"},{"data"   :   1}]`),
		user(`[{"input_audio":{"data":null}},{"type":"text","text":";base64,;base64,"}]`),
	} {
		if got := Measure(parse(t, body), new(openai.Edits)).Upper("gpt-4o"); got <= 0 || got > 10_000 {
			t.Errorf("%s: %d", body, got)
		}
	}
}

func FuzzUpper(f *testing.F) {
	f.Add(user(`"x;base64,\"input_audio\""`))
	f.Add(user(`[{"type":"input_audio","input_audio":{"format":"wav","data":"AAAA"}}]`))
	f.Fuzz(func(t *testing.T, body string) {
		r, err := openai.ParseChat([]byte(body))
		if err != nil {
			return
		}
		for _, model := range []string{"gpt-4o", "claude"} {
			if Measure(r, new(openai.Edits)).Upper(model) < 0 || Input(r, new(openai.Edits), model) <= 0 {
				t.Error("not a count")
			}
		}
	})
}

func BenchmarkUpper(b *testing.B) {
	for _, n := range []int{10, 1000} {
		r := parse(b, user(`"`+strings.Repeat("The quick brown fox jumps over the lazy dog. ", n)+`"`))
		b.Run(fmt.Sprint(r.Size()), func(b *testing.B) {
			e := new(openai.Edits)
			b.ReportAllocs()
			for b.Loop() {
				Measure(r, e).Upper("gpt-4o")
			}
		})
	}
}
