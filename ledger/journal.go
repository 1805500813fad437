package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// segmentSize is when a segment of the journal is full.
const segmentSize = 8 << 20

var errJournalFull = errors.New("the ledger's journal has reached its size limit: the database takes no rows; see the log for why")

// file is what the journal needs of a file.
type file interface {
	Write([]byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

func openFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

// journal is the files that hold what the database does not have yet: a record
// for each request that begins and for each that ends. Every record is one
// write, so it outlives the process from then on; it outlives the machine from
// the next sync on, a second later at most.
//
// The ledger's mutex guards it.
type journal struct {
	dir  string
	lock *lockFile
	open func(path string) (file, error)
	max  int64 // bytes of all segments together

	segments map[uint32]*segment
	current  *segment // nil if the next record needs a new one
	last     uint32   // the number of the last segment
	seq      uint64   // of the last settlement
	done     uint64   // up to this one the database has them all
	bytes    int64
	begun    map[string]*segment // where requests that have not ended have their intent
	buf      []byte
}

// segment is one file of a journal. It goes when nothing in it is needed: when
// all its settlements are in the database, and those of all its intents.
type segment struct {
	number  uint32
	path    string
	f       file
	size    int64
	intents int
	rows    int
	dirty   bool
}

func newJournal(dir string, lock *lockFile, maxBytes int64, open func(string) (file, error)) *journal {
	return &journal{
		dir: dir, lock: lock, open: open, max: maxBytes,
		segments: map[uint32]*segment{}, begun: map[string]*segment{},
	}
}

// begin writes the intent of a request.
func (j *journal) begin(e *entry) error {
	seg, err := j.append(kindIntent, 0, e)
	if err != nil {
		return err
	}
	if old := j.begun[e.row.ID]; old != nil {
		old.intents--
	}
	seg.intents++
	j.begun[e.row.ID] = seg
	return nil
}

// settle writes the settlement of a request. Whether or not that succeeds, the
// entry is what ends the request.
func (j *journal) settle(e *entry) error {
	e.begun = j.begun[e.row.ID]
	delete(j.begun, e.row.ID)
	seg, err := j.append(kindSettled, j.seq+1, e)
	if err != nil {
		return err
	}
	j.seq++
	e.seq, e.settled = j.seq, seg
	seg.rows++
	return nil
}

// committed notes that the database has the entries, which are in the order of
// their settlement, and removes the segments that are not needed any more.
func (j *journal) committed(entries []*entry) {
	for _, e := range entries {
		if e.seq > 0 {
			j.done = e.seq
		}
		j.release(e)
	}
	// Without this record a replay does no harm, it only takes longer.
	_, _ = j.append(kindCommitted, j.done, nil)
	j.clear()
}

// release lets go of what the journal keeps for an entry.
func (j *journal) release(e *entry) {
	if e.begun != nil {
		e.begun.intents--
	}
	if e.settled != nil {
		e.settled.rows--
	}
}

// clear removes the segments that are not needed.
func (j *journal) clear() {
	for _, seg := range j.segments {
		if seg != j.current && seg.intents == 0 && seg.rows == 0 {
			j.remove(seg)
		}
	}
}

func (j *journal) remove(seg *segment) {
	_ = seg.f.Close()
	// What can't be removed now is replayed, to no effect, when this process has ended.
	_ = os.Remove(seg.path)
	j.bytes -= seg.size
	delete(j.segments, seg.number)
	if j.current == seg {
		j.current = nil
	}
}

// append writes one record into the current segment.
func (j *journal) append(kind byte, seq uint64, e *entry) (*segment, error) {
	if err := j.rotate(); err != nil {
		return nil, err
	}
	j.buf = appendFrame(j.buf[:0], kind, seq, e)
	seg := j.current
	// Markers are what makes room again.
	if kind != kindCommitted && j.bytes+int64(len(j.buf)) > j.max {
		return nil, errJournalFull
	}
	return seg, j.write(seg, j.buf)
}

func (j *journal) write(seg *segment, b []byte) error {
	n, err := seg.f.Write(b)
	if err == nil {
		seg.size += int64(n)
		j.bytes += int64(n)
		seg.dirty = true
		return nil
	}
	// Behind half a record nothing can be read.
	if n > 0 && seg.f.Truncate(seg.size) != nil {
		seg.size += int64(n)
		j.bytes += int64(n)
		j.current = nil
	}
	return fmt.Errorf("writing the ledger's journal: %w", err)
}

// rotate sees to it that there is a segment with room. A new one begins with how
// far the database is, since the segments that said so may be gone.
func (j *journal) rotate() error {
	if j.current != nil && j.current.size < segmentSize {
		return nil
	}
	seg := &segment{number: j.last + 1}
	seg.path = filepath.Join(j.dir, segmentName(seg.number))
	var err error
	if seg.f, err = j.open(seg.path); err != nil {
		return fmt.Errorf("writing the ledger's journal: %w", err)
	}
	j.last = seg.number
	j.segments[seg.number] = seg
	j.current = seg
	if err := j.write(seg, appendFrame(nil, kindCommitted, j.done, nil)); err != nil {
		j.remove(seg)
		return err
	}
	j.clear()
	return nil
}

// dirty are the segments with records that the machine's death would take, now
// taken for safe.
func (j *journal) dirty() []*segment {
	var list []*segment
	for _, seg := range j.segments {
		if seg.dirty {
			seg.dirty = false
			list = append(list, seg)
		}
	}
	return list
}

// close ends the journal. Its files go with it if nothing in them is needed;
// otherwise they are replayed at the next start.
func (j *journal) close() {
	j.current = nil
	j.clear()
	for _, seg := range j.segments {
		_ = seg.f.Sync()
		_ = seg.f.Close()
	}
	if len(j.segments) == 0 {
		removeJournal(j.dir, j.lock)
		return
	}
	j.lock.unlock()
}
