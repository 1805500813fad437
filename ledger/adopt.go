package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/layergateway/layergateway/cost"
)

// The journals of all processes lie in a folder of the data directory, each in
// a folder of its own with a lock that its process holds. A lock that can be had
// belongs to a process that is dead.
const (
	journalFolder = "journal"
	lockName      = "lock"
	segmentSuffix = ".log"
)

func segmentName(number uint32) string { return fmt.Sprintf("%08d%s", number, segmentSuffix) }

// createJournal makes this process's own folder. While it is made and not yet
// locked, the lock of the whole keeps others from taking it for a dead one's.
func createJournal(data string, maxBytes int64, open func(string) (file, error)) (*journal, error) {
	root := filepath.Join(data, journalFolder)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("the ledger's folder: %w", err)
	}
	all, err := lock(filepath.Join(root, lockName), true)
	if err != nil {
		return nil, fmt.Errorf("locking the ledger's journals: %w", err)
	}
	defer all.unlock()
	dir := filepath.Join(root, uuid.NewString())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the ledger's folder: %w", err)
	}
	own, err := lock(filepath.Join(dir, lockName), true)
	if err != nil {
		return nil, fmt.Errorf("locking the ledger's journal: %w", err)
	}
	return newJournal(dir, own, maxBytes, open), nil
}

func removeJournal(dir string, l *lockFile) {
	_ = os.Remove(filepath.Join(dir, lockName))
	l.unlock()
	_ = os.Remove(filepath.Join(dir, lockName)) // where an open file can't be removed
	_ = os.Remove(dir)
}

// deadJournals locks the journals whose processes are dead.
func deadJournals(data string) (map[string]*lockFile, error) {
	root := filepath.Join(data, journalFolder)
	all, err := lock(filepath.Join(root, lockName), true)
	if err != nil {
		return nil, fmt.Errorf("locking the ledger's journals: %w", err)
	}
	defer all.unlock()
	folders, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("looking for journals: %w", err)
	}
	dead := map[string]*lockFile{}
	for _, folder := range folders {
		dir := filepath.Join(root, folder.Name())
		if !folder.IsDir() {
			continue
		}
		l, err := lock(filepath.Join(dir, lockName), false)
		switch {
		case err == nil:
			dead[dir] = l
		case errors.Is(err, errLocked), errors.Is(err, fs.ErrNotExist):
		default:
			return dead, fmt.Errorf("locking a journal: %w", err)
		}
	}
	return dead, nil
}

// adopt brings what dead processes left behind into the database: rows that
// were settled, and as abandoned those that were not. A journal is removed when
// the database has all of it; whatever happens before that, doing it again adds
// nothing twice.
func (l *Ledger) adopt(ctx context.Context) error {
	l.adopting.Lock() // or a journal that is being adopted would look like one of the living
	defer l.adopting.Unlock()
	dead, err := deadJournals(l.config.Dir)
	errs := []error{err}
	for dir, held := range dead {
		if err := l.adoptOne(ctx, dir); err != nil {
			held.unlock()
			errs = append(errs, err)
			continue
		}
		removeJournal(dir, held)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l.adopted.Store(true)
	return nil
}

func (l *Ledger) adoptOne(ctx context.Context, dir string) error {
	r, err := openReplay(dir)
	if err != nil {
		return err
	}
	var batch []*entry
	settled, abandoned := 0, 0
	add := func(p body, lost bool) error {
		row, err := p.row()
		if err != nil {
			l.log.Error("a row in a journal can't be read", zap.Error(err))
			l.dropped.Add(1)
			return nil
		}
		if lost {
			row.Outcome = Abandoned
			row.Usage, row.Bill = cost.Usage{}, cost.Bill{} // nobody knows
			abandoned++
		} else {
			settled++
		}
		e, err := newEntry(&row)
		if err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) < maxBatch {
			return nil
		}
		full := batch
		batch = nil
		return l.insertOrDrop(ctx, full)
	}
	if err := r.run(add); err != nil {
		return err
	}
	if len(batch) > 0 {
		if err := l.insertOrDrop(ctx, batch); err != nil {
			return err
		}
	}
	if r.skipped > 0 {
		l.log.Warn("a journal ends in a record that was not written whole", zap.Int("bytes", r.skipped))
	}
	if settled+abandoned > 0 {
		l.log.Info("brought in the journal of a process that died",
			zap.Int("rows", settled), zap.Int("abandoned", abandoned))
	}
	for _, path := range r.paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a journal: %w", err)
		}
	}
	return nil
}

// replay reads a dead process's journal.
type replay struct {
	paths   []string // in the order of their numbers
	skipped int      // bytes behind the last whole record of each segment
}

func openReplay(dir string) (*replay, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading a journal: %w", err)
	}
	var r replay
	for _, name := range names {
		number, ok := strings.CutSuffix(name.Name(), segmentSuffix)
		if _, err := strconv.ParseUint(number, 10, 32); ok && err == nil {
			r.paths = append(r.paths, filepath.Join(dir, name.Name()))
		}
	}
	slices.SortFunc(r.paths, func(a, b string) int { // the numbers may outgrow their zeros
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return &r, nil
}

// run calls add with each settlement that is not known to be in the database,
// and then with each intent that has no settlement.
func (r *replay) run(add func(p body, lost bool) error) error {
	var done uint64
	err := r.each(func(rec record) error {
		if rec.kind == kindCommitted {
			done = max(done, rec.seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.skipped = 0
	intents := map[string][]byte{}
	err = r.each(func(rec record) error {
		if rec.kind != kindIntent && rec.kind != kindSettled {
			return nil
		}
		p, err := parseBody(rec.body)
		if err != nil {
			return err
		}
		if rec.kind == kindIntent {
			intents[string(p.id)] = slices.Clone(rec.body) // rather than keep the whole segment
			return nil
		}
		delete(intents, string(p.id))
		if rec.seq <= done {
			return nil
		}
		return add(p, false)
	})
	if err != nil {
		return err
	}
	for _, b := range intents {
		p, err := parseBody(b)
		if err != nil {
			return err
		}
		if err := add(p, true); err != nil {
			return err
		}
	}
	return nil
}

// each calls f with the records of all segments.
func (r *replay) each(f func(record) error) error {
	for _, path := range r.paths {
		rest, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading a journal: %w", err)
		}
		for {
			rec, next, ok := nextFrame(rest)
			if !ok {
				break
			}
			if err := f(rec); err != nil {
				return err
			}
			rest = next
		}
		r.skipped += len(rest)
	}
	return nil
}
