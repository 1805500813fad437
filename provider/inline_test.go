package provider

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/layergateway/layergateway/fetch"
	"github.com/layergateway/layergateway/openai"
)

func TestInline(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a.png":
			_, _ = w.Write([]byte("\x89PNG\r\n\x1a\n"))
		case "/a.pdf":
			_, _ = w.Write([]byte("%PDF-1.7"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	fetcher := fetch.New(fetch.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	chat := func(url string) *openai.Chat {
		return &openai.Chat{Messages: []openai.Message{{Role: "user", Content: openai.Content{
			{Type: "text", Text: "see"},
			{Type: "image_url", ImageURL: &openai.ImageURL{URL: "data:image/png;base64,AAAA"}},
			{Type: "image_url", ImageURL: &openai.ImageURL{URL: url}},
			{Type: "file", File: &openai.File{FileURL: server.URL + "/a.pdf"}},
		}}}}
	}
	c := chat(server.URL + "/a.png")
	if err := (&Call{Provider: &Provider{Fetch: fetcher}}).Inline(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	parts := c.Messages[0].Content
	for got, want := range map[string]string{
		parts[1].ImageURL.URL:  "data:image/png;base64,AAAA",
		parts[2].ImageURL.URL:  "data:image/png;base64,iVBORw0KGgo=",
		parts[3].File.FileData: "data:application/pdf;base64,JVBERi0xLjc=",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for name, p := range map[string]*Provider{"not found": {Fetch: fetcher}, "not fetching": {}} {
		var e *openai.Error
		err := (&Call{Provider: p}).Inline(context.Background(), chat(server.URL+"/none"))
		if !errors.As(err, &e) || e.Code != "invalid_image_url" || e.Param != "messages[0].content[2].image_url.url" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
