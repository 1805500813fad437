package cost

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// maxList bounds a list of prices in bytes. That of models.dev has some three
// million.
const maxList = 32 << 20

// SourceOptions say where a list of prices comes from: a file or a URL, in the
// format of models.dev's api.json.
type SourceOptions struct {
	// The catalog that the list goes before. Default: the built-in one.
	Base *Catalog
	// The list's file. Default: none.
	File string
	// The list's address, in place of a file. Default: none.
	URL string
	// The client that asks for the URL, which needs one. Default: none.
	Client *http.Client
	// The file that keeps the last good copy of the URL's list, used until the
	// URL has answered. Default: none.
	Keep string
	// How often the file is looked at, or the URL asked, give or take a tenth.
	// Default: 5s for a file, 1h for a URL.
	Every time.Duration
	// Called after each change, and with each new mistake; one at a time, and
	// never again once Stop has returned. Default: nothing.
	OnChange func(*Catalog)
	OnError  func(error)
}

// Source holds a catalog whose list of prices is read anew while the program
// runs. A list that can't be used changes nothing: the last good one stays.
// It may be used by many goroutines; Start and Stop are for one.
type Source struct {
	options  SourceOptions
	name     string // in front of the version
	catalog  atomic.Pointer[Catalog]
	verified atomic.Int64 // when the list was last known to be up to date, Unix time in ns; 0 is never
	etag     string
	sum      [sha256.Size]byte // of the list in use
	seen     os.FileInfo       // the file as it was last read, unless it was too young
	mistake  error             // what is wrong with it
	reported string            // the last mistake that was reported and still stands

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewSource makes a source and reads its file, or the kept copy of its URL's
// list; it asks no server. An error is of the options, or of a file that can't
// be used. A kept copy that can't be is reported and left out.
func NewSource(o SourceOptions) (*Source, error) {
	s := &Source{options: o}
	if s.options.Base == nil {
		s.options.Base = Builtin()
	}
	s.catalog.Store(s.options.Base)
	switch {
	case o.Every < 0:
		return nil, errors.New("prices: the interval is negative")
	case o.Every > 0 && o.Every < time.Second:
		return nil, errors.New("prices: the interval must be at least 1s")
	case (o.File == "") == (o.URL == ""):
		return nil, errors.New("prices: give a file or a URL")
	case o.File != "":
		s.name = filepath.Base(o.File)
		s.options.Every = cmp.Or(o.Every, 5*time.Second)
		if err := s.readFile(); err != nil {
			return nil, err
		}
		return s, nil
	case o.Client == nil:
		return nil, errors.New("prices: a URL needs an HTTP client")
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("prices: the URL has no host: give one such as https://models.dev/api.json")
	}
	s.name = u.Host
	s.options.Every = cmp.Or(o.Every, time.Hour)
	if o.Keep != "" {
		s.report(s.readKept())
	}
	return s, nil
}

// Catalog is the catalog as it is now.
func (s *Source) Catalog() *Catalog { return s.catalog.Load() }

// Version is that of the catalog.
func (s *Source) Version() string { return s.Catalog().Version() }

// Age is how long ago the list was last known to be what its source has: for a
// URL, since it answered; for a file, since it was written. False means that no
// list has been read yet.
func (s *Source) Age() (age time.Duration, ok bool) {
	at := s.verified.Load()
	if at == 0 {
		return 0, false
	}
	return max(time.Since(time.Unix(0, at)), 0), true
}

// Start begins to look for changes. It is called at most once.
func (s *Source) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() {
		if s.options.File != "" {
			s.watchFile(ctx)
		} else {
			s.poll(ctx)
		}
	})
}

// Stop ends what Start began, and waits for it. The catalog stays.
func (s *Source) Stop() {
	if s.cancel != nil {
		s.cancel()
		s.done.Wait()
	}
}

// use makes a list the one in use. Least is the fewest priced models that it
// may have.
func (s *Source) use(list []byte, least int) error {
	sum := sha256.Sum256(list)
	if s.verified.Load() != 0 && sum == s.sum {
		return nil
	}
	// The version leads from a bill to the very prices that it was made of.
	over, err := s.options.Base.Overlay(list, fmt.Sprintf("%s@%.6x", s.name, sum))
	if err != nil {
		return err
	}
	if n := over.listed(); n < least {
		return fmt.Errorf("price file: only %d models have prices, where at least %d were expected", n, least)
	}
	s.sum = sum
	s.catalog.Store(over)
	return nil
}

// listed counts the models with prices of lists laid over the built-in one.
func (c *Catalog) listed() (n int) {
	for _, prices := range c.overlay {
		n += len(prices)
	}
	return n
}

// report tells of a mistake once for as long as it stands.
func (s *Source) report(err error) {
	if err == nil {
		s.reported = ""
		return
	}
	if text := err.Error(); text != s.reported {
		s.reported = text
		if s.options.OnError != nil {
			s.options.OnError(err)
		}
	}
}

func (s *Source) changed(before *Catalog) {
	if now := s.Catalog(); now != before && s.options.OnChange != nil {
		s.options.OnChange(now)
	}
}
