package badclient

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Request is a request as it goes over the wire: nothing is added to it but Host and Content-Length where they are not
// among the headers, and nothing is checked.
type Request struct {
	Method string   // POST if empty
	Path   string   // the request target; may be in absolute form
	Proto  string   // HTTP/1.1 if empty
	Host   string   // Host header; "gateway.example" if empty
	Header []string // "Name: value"
	Body   []byte
}

// Post is a JSON request with a bearer key.
func Post(path, key, body string, headers ...string) Request {
	h := append([]string{"Authorization: Bearer " + key, "Content-Type: application/json"}, headers...)
	return Request{Path: path, Header: h, Body: []byte(body)}
}

// With is the request with more headers.
func (r Request) With(headers ...string) Request {
	r.Header = append(slices.Clone(r.Header), headers...)
	return r
}

// HTTP10 is the request in HTTP/1.0.
func (r Request) HTTP10() Request {
	r.Proto = "HTTP/1.0"
	return r
}

// Gzipped is the request with its body compressed.
func (r Request) Gzipped() Request {
	zipped := r.With("Content-Encoding: gzip")
	zipped.Body = Gzip(r.Body)
	return zipped
}

func (r Request) method() string {
	if r.Method == "" {
		return "POST"
	}
	return r.Method
}

func (r Request) has(name string) bool {
	return slices.ContainsFunc(r.Header, func(h string) bool {
		n, _, _ := strings.Cut(h, ":")
		return strings.EqualFold(n, name)
	})
}

// head is everything in front of the body.
func (r Request) head(extra ...string) []byte {
	proto, host := r.Proto, r.Host
	if proto == "" {
		proto = "HTTP/1.1"
	}
	if host == "" {
		host = "gateway.example"
	}
	out := fmt.Appendf(nil, "%s %s %s\r\n", r.method(), r.Path, proto)
	if !r.has("Host") {
		out = append(out, "Host: "+host+"\r\n"...)
	}
	for _, h := range slices.Concat(r.Header, extra) {
		out = append(out, h+"\r\n"...)
	}
	return append(out, "\r\n"...)
}

// headed is the head with the body's length, where there is a body and no other word of it.
func (r Request) headed() []byte {
	if len(r.Body) == 0 && r.method() != "POST" || r.has("Content-Length") || r.has("Transfer-Encoding") {
		return r.head()
	}
	return r.head("Content-Length: " + strconv.Itoa(len(r.Body)))
}

// Bytes is the whole request.
func (r Request) Bytes() []byte { return append(r.headed(), r.Body...) }

// Chunks is how a body is chunked.
type Chunks struct {
	Size      int      // bytes a chunk; 0: all in one
	Extension string   // behind each size, such as ";name=value"
	LineEnd   string   // behind the sizes; CRLF if empty
	First     string   // in place of the first size line: "zz", "-1", "ffffffffffffffffff"
	Trailers  []string // "Name: value", behind the last chunk
	NoLast    bool     // the last chunk is left out
}

// Chunked is the whole request with its body chunked.
func (r Request) Chunked(c Chunks) []byte {
	out := r.head("Transfer-Encoding: chunked")
	if c.LineEnd == "" {
		c.LineEnd = "\r\n"
	}
	if c.Size <= 0 {
		c.Size = max(len(r.Body), 1)
	}
	for piece := range slices.Chunk(r.Body, c.Size) {
		size := strconv.FormatInt(int64(len(piece)), 16)
		if c.First != "" {
			size, c.First = c.First, ""
		}
		out = append(out, size+c.Extension+c.LineEnd...)
		out = append(append(out, piece...), "\r\n"...)
	}
	if c.NoLast {
		return out
	}
	out = append(out, "0"+c.Extension+c.LineEnd...)
	for _, t := range c.Trailers {
		out = append(out, t+"\r\n"...)
	}
	return append(out, "\r\n"...)
}

// BigHeader is one header of about n bytes.
func BigHeader(n int) string { return "X-Big: " + strings.Repeat("b", n) }

// ManyHeaders are n small headers.
func ManyHeaders(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("X-Many-%d: %d", i, i)
	}
	return all
}

// Gzip compresses.
func Gzip(b []byte) []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, _ = zw.Write(b) // a buffer takes all
	_ = zw.Close()
	return buf.Bytes()
}

// Bomb is gzip that opens to before, as many MiB of the letter a, and after: a thousandth of it on the wire. It has
// many members, as a file of concatenated gzip has.
func Bomb(before string, mebibytes int, after string) []byte {
	middle := Gzip(bytes.Repeat([]byte("a"), 1<<20))
	return slices.Concat(Gzip([]byte(before)), bytes.Repeat(middle, mebibytes), Gzip([]byte(after)))
}
