package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxFile bounds a file of gates: a hundred thousand gates are some 50 MB.
const maxFile = 512 << 20

// source is a place where gates are declared, with their JSON in one buffer.
type source struct {
	name  string // as errors and Gate.Source show it
	data  []byte
	lines bool // whether data is as its author wrote it, so that line numbers mean something
	made  bool // whether its gates were made at run time: one with a mistake is left out, the others are there
}

// span is where a gate's JSON lies in a source's data.
type span struct{ start, end uint32 }

// inlineSource writes the gates of a configuration as a source, so that they take the same way as those of files.
func inlineSource(name string, gates []*Config) (source, []span, error) {
	s := source{name: name}
	spans := make([]span, len(gates))
	for i, c := range gates {
		raw, err := json.Marshal(c)
		if err != nil {
			return s, nil, fmt.Errorf("%s: gate %s: %w", name, quote(cmp.Or(c.Name, c.ID)), fieldError(err))
		}
		start := uint32(len(s.data))
		s.data = append(s.data, raw...)
		spans[i] = span{start, uint32(len(s.data))}
	}
	return s, spans, nil
}

// split finds the gates of a file, which holds one, an array of them, or {"gates": array}.
func (s *source) split() ([]span, error) {
	// Names that are given twice are left to the decoding of each gate, which can say which gate it is.
	d := jsontext.NewDecoder(bytes.NewBuffer(s.data), jsontext.AllowDuplicateNames(true))
	var spans []span
	err := func() error {
		switch d.PeekKind() {
		case '[':
			if err := s.splitArray(d, &spans); err != nil {
				return err
			}
		case '{':
			if err := s.splitObject(d, &spans); err != nil {
				return err
			}
		default:
			if _, err := d.ReadValue(); err != nil {
				return err
			}
			return errors.New(`holds no gates: write one gate, an array of gates, or {"gates": [...]}`)
		}
		if _, err := d.ReadToken(); err == nil {
			return errors.New("holds more than one JSON value: put the gates into an array")
		} else if !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}()
	if err == nil {
		return spans, nil
	}
	offset := d.InputOffset()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF) && len(bytes.TrimSpace(s.data)) == 0:
		return nil, fmt.Errorf("%s: the file is empty: write [] for no gates", s.name)
	case errors.As(err, &syntax):
		offset, err = syntax.ByteOffset, fieldError(err)
	}
	return nil, fmt.Errorf("%s: %w", s.place(offset), err)
}

func (s *source) splitArray(d *jsontext.Decoder, spans *[]span) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		end := d.InputOffset()
		*spans = append(*spans, span{uint32(end) - uint32(len(raw)), uint32(end)})
	}
	_, err := d.ReadToken()
	return err
}

// splitObject reads the object as a whole first: it is a gate, unless it has "gates".
func (s *source) splitObject(d *jsontext.Decoder, spans *[]span) error {
	start := int64(bytes.IndexByte(s.data, '{'))
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	first, found := "", false
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		if key == "gates" && d.PeekKind() == '[' {
			if found {
				return errors.New("gates: is given twice")
			}
			found = true
			err = s.splitArray(d, spans)
		} else {
			if first == "" {
				first = key
			}
			err = d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if found && first != "" {
		return fmt.Errorf("unknown field %s beside \"gates\"", quote(first))
	}
	if !found {
		*spans = []span{{uint32(start), uint32(d.InputOffset())}}
	}
	return nil
}

// place gives the source's name, and the line where its author can find it.
func (s *source) place(offset int64) string {
	if !s.lines {
		return s.name
	}
	offset = min(max(offset, 0), int64(len(s.data)))
	return fmt.Sprintf("%s:%d", s.name, 1+bytes.Count(s.data[:offset], []byte{'\n'}))
}

// locate returns the offset of a value, or of the deepest part of the way to it that is there.
func locate(raw []byte, pointer jsontext.Pointer) int64 {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	var offset int64
	for pointer != "" {
		if _, err := d.ReadToken(); err != nil {
			return offset
		}
		if at := d.StackPointer(); at == pointer {
			return d.InputOffset()
		} else if at != "" && at.Contains(pointer) {
			offset = d.InputOffset()
		}
	}
	return offset
}

// fileState is what tells a file from its next version without reading it.
type fileState struct {
	path string
	info os.FileInfo // what a symbolic link leads to; nil if err
	err  string
}

func (a fileState) same(b fileState) bool {
	if a.path != b.path || a.err != b.err || (a.info == nil) != (b.info == nil) {
		return false
	}
	return a.info == nil || a.info.Size() == b.info.Size() && a.info.ModTime().Equal(b.info.ModTime()) &&
		a.info.Mode() == b.info.Mode() && os.SameFile(a.info, b.info)
}

// statFiles finds the files of the patterns, in the patterns' order and then by name, each once. A pattern without
// wildcards names a file that must be there. Wildcards don't find hidden files, which editors keep beside those they edit.
func statFiles(patterns []string) ([]fileState, error) {
	var states []fileState
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("gates file %s: %w", quote(pattern), err)
		}
		if len(paths) == 0 && !strings.ContainsAny(pattern, `*?[\`) {
			paths = []string{pattern}
		}
		slices.Sort(paths)
		if !strings.HasPrefix(filepath.Base(pattern), ".") {
			paths = slices.DeleteFunc(paths, func(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") })
		}
		for _, path := range paths {
			if path = filepath.Clean(path); seen[path] {
				continue
			}
			seen[path] = true
			state := fileState{path: path}
			if info, err := os.Stat(path); err != nil {
				state.err = err.Error()
			} else {
				state.info = info
			}
			states = append(states, state)
		}
	}
	return states, nil
}

// unsettled reports whether a file is so young that it may have been written again after it was read, within the
// granularity of its file system's clock.
func (a fileState) unsettled(now time.Time) bool {
	return a.info != nil && now.Sub(a.info.ModTime()).Abs() < 2*time.Second
}

// readFile reads a file of gates.
func readFile(state fileState) (source, error) {
	s := source{name: state.path, lines: true}
	switch {
	case state.info == nil:
		return s, fmt.Errorf("gates file: %s", state.err)
	case !state.info.Mode().IsRegular():
		return s, fmt.Errorf("gates file %s: is not a regular file", state.path)
	}
	f, err := os.Open(state.path)
	if err != nil {
		return s, fmt.Errorf("gates file: %w", err)
	}
	defer f.Close()
	data := bytes.NewBuffer(make([]byte, 0, min(state.info.Size(), maxFile)+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return s, fmt.Errorf("gates file: %w", err)
	}
	if data.Len() > maxFile {
		return s, fmt.Errorf("gates file %s: is larger than %d MB: split it", state.path, maxFile>>20)
	}
	s.data = bytes.TrimPrefix(data.Bytes(), []byte("\ufeff")) // editors on Windows put a byte order mark there
	return s, nil
}

// peekText returns a text of an object's top level, or "", from JSON that needn't be a valid gate.
func peekText(raw []byte, field string) string {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return ""
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return ""
		}
		if name.String() == field && d.PeekKind() == '"' {
			value, err := d.ReadToken()
			if err != nil {
				return ""
			}
			return value.String()
		}
		if err := d.SkipValue(); err != nil {
			return ""
		}
	}
	return ""
}
