package cost

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// young is the age up to which a file may have changed again without a trace
// in its time.
const young = 2 * time.Second

func (s *Source) watchFile(ctx context.Context) {
	ticker := time.NewTicker(s.options.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if ctx.Err() != nil {
				return
			}
			before := s.Catalog()
			s.report(s.readFile())
			s.changed(before)
		}
	}
}

// readFile reads the file if it may have changed since. One that shrank is
// taken as it is: whoever wrote it meant it.
func (s *Source) readFile() error {
	path := s.options.File
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	if was := s.seen; was != nil && os.SameFile(was, info) && was.Size() == info.Size() && was.ModTime().Equal(info.ModTime()) {
		return s.mistake
	}
	data, err := readBounded(path)
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	s.seen = nil
	if time.Since(info.ModTime()) > young {
		s.seen = info
	}
	if s.mistake = s.use(data, 0); s.mistake != nil {
		s.mistake = fmt.Errorf("prices %s: %w", path, s.mistake)
		return s.mistake
	}
	s.verified.Store(info.ModTime().UnixNano())
	return nil
}

// readKept reads the last good copy of a URL's list, if there is one.
func (s *Source) readKept() error {
	path := s.options.Keep
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil
	}
	var data []byte
	if err == nil {
		data, err = readBounded(path)
	}
	if err == nil {
		err = s.use(data, 1)
	}
	if err != nil {
		return fmt.Errorf("prices: the kept copy %s: %w", path, err)
	}
	s.verified.Store(info.ModTime().UnixNano())
	return nil
}

// keep writes the copy, whole or not at all, and only for its owner.
func (s *Source) keep(list []byte) error {
	path := s.options.Keep
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	var f *os.File
	if err == nil {
		f, err = os.CreateTemp(filepath.Dir(path), ".prices-*")
	}
	if err != nil {
		return fmt.Errorf("prices: keep a copy: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // of one that got no other name
	_, err = f.Write(list)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("prices: keep a copy: %w", err)
	}
	return nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readList(f)
}
