// Command upstream serves the fake providers of package upstream on one port, for tests that are not Go:
//
//	upstream [-listen 127.0.0.1:0]
//
// It prints one line of JSON with the address, base URLs and keys, and ends when its input is closed, so
// that it does not outlive the test that started it.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/go-json-experiment/json"

	"github.com/layergateway/layergateway/internal/upstream"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 picks a free one")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal("upstream: ", err)
	}
	url := "http://" + l.Addr().String()
	line := map[string]any{
		"url":     url,
		"journal": url + "/journal",
		"base_urls": map[string]string{
			"openai": url + "/openai/v1", "anthropic": url + "/anthropic/v1", "google": url + "/google/v1beta",
		},
		"keys": map[string]string{
			"openai": upstream.OpenAIKey, "anthropic": upstream.AnthropicKey, "google": upstream.GoogleKey,
		},
	}
	if err := json.MarshalWrite(os.Stdout, line, json.Deterministic(true)); err != nil {
		log.Fatal("upstream: ", err)
	}
	_, _ = os.Stdout.WriteString("\n")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal("upstream: ", http.Serve(l, upstream.New()))
}
