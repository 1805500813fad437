package dashboard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/ledger"
)

//go:embed assets templates
var files embed.FS

// templates are the pages by name, each with the frame around it.
var templates = sync.OnceValue(func() map[string]*template.Template {
	frame := template.Must(template.New("frame").Funcs(funcs).ParseFS(files, "templates/frame/*.html"))
	pages, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*template.Template)
	for _, file := range pages {
		page := template.Must(template.Must(frame.Clone()).ParseFS(files, file))
		all[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return all
})

// page is what a template gets.
type page struct {
	// Base is the way from the page back to where the dashboard is mounted: "./" or "../".
	Base     string
	Title    string
	Here     string // the first word of the path
	LoggedIn bool   // with something to log out from
	Now      time.Time
	Data     any
}

// render answers with a page.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	here, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	p := page{
		Base: base(r), Title: title, Here: here, LoggedIn: h.o.Door.Admin != nil && name != "login", Now: h.o.Now().UTC(), Data: data,
	}
	var b bytes.Buffer
	if err := templates()[name].ExecuteTemplate(&b, "frame", p); err != nil {
		h.o.Log.Error("a page can't be made", zap.String("page", name), zap.Error(err))
		http.Error(w, "this page can't be made: the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

func base(r *http.Request) string {
	// A slash that is escaped is none to the browser.
	depth := strings.Count(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if depth == 0 {
		return "./"
	}
	return strings.Repeat("../", depth)
}

type problem struct{ Text string }

// fail answers that a page can't be shown. Why is for the log: an error of a database has its address.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		return
	case errors.Is(err, ledger.ErrOff):
		h.render(w, r, http.StatusNotFound, "problem", "The ledger is off",
			problem{"The ledger is off, so nothing is known of requests: remove “ledger off” from the configuration to have it."})
	default:
		h.o.Log.Error("a page can't be shown", zap.String("path", r.URL.Path), zap.Error(err))
		h.render(w, r, http.StatusServiceUnavailable, "problem", "Not available",
			problem{"The ledger can't be read just now. The log says why."})
	}
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.render(w, r, http.StatusNotFound, "problem", "Not found", problem{"There is no such page."})
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	h.render(w, r, status, "problem", "Not done", problem{text})
}

// asset is an embedded file.
type asset struct {
	content []byte
	tag     string
}

var assets = sync.OnceValue(func() map[string]asset {
	all := make(map[string]asset)
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, "assets/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content, `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return all
})

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/assets/")
	a, ok := assets()[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.tag)
	if path.Ext(name) == ".LICENSE" || path.Ext(name) == ".VERSION" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.content))
}
