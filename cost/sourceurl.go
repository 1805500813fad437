package cost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Times of asking a URL.
const (
	askTimeout = 30 * time.Second
	firstRetry = time.Minute // doubled with each failure, up to the interval
)

// poll asks the URL at once and then at the interval, sooner after failures.
func (s *Source) poll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry := firstRetry
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		before := s.Catalog()
		err := s.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(err)
		s.changed(before)
		wait := s.options.Every
		if err != nil {
			wait = min(wait, retry)
			retry = min(2*retry, s.options.Every)
		} else {
			retry = firstRetry
		}
		// Not all gateways of a fleet at the same moment.
		timer.Reset(wait - wait/10 + rand.N(wait/5+1))
	}
}

// ask gets the list once. A list that has lost more than half of its models is
// taken for a mistake of its server's.
func (s *Source) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "layer_gateway")
	if s.etag != "" {
		req.Header.Set("If-None-Match", s.etag)
	}
	resp, err := s.options.Client.Do(req)
	if err != nil {
		// Not the address, which may have a secret in it.
		if failed := new(url.Error); errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("prices of %s: %w", s.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusNotModified && s.etag != "":
		return s.confirmed(nil)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("prices of %s: the server answered %d", s.name, resp.StatusCode)
	}
	list, err := readList(resp.Body)
	if err != nil {
		return fmt.Errorf("prices of %s: %w", s.name, err)
	}
	before := s.Catalog()
	if err := s.use(list, max(1, before.listed()/2)); err != nil {
		return fmt.Errorf("prices of %s: %w; the last good list stays", s.name, err)
	}
	s.etag = resp.Header.Get("ETag")
	if s.Catalog() == before {
		list = nil // kept already
	}
	return s.confirmed(list)
}

// confirmed notes that the list in use is what the URL has; list is one that
// is new.
func (s *Source) confirmed(list []byte) error {
	now := time.Now()
	s.verified.Store(now.UnixNano())
	if s.options.Keep == "" {
		return nil
	}
	if list != nil {
		return s.keep(list)
	}
	// So that a restart knows the age. It doesn't matter if that fails.
	_ = os.Chtimes(s.options.Keep, time.Time{}, now)
	return nil
}

// readList reads a list that is not too large.
func readList(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err == nil && len(data) > maxList {
		err = fmt.Errorf("the list is larger than %d bytes", maxList)
	}
	return data, err
}
