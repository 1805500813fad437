package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// rowIn reads durations as they are stored.
var rowIn = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, t *time.Duration) error {
	var n int64
	err := json.UnmarshalDecode(d, &n)
	*t = time.Duration(n)
	return err
}))

// entry is a row on its way to the database.
type entry struct {
	row     Row
	doc     string // the row as JSON
	priceID string // names row.Price; empty without one

	seq     uint64   // of its settlement in the journal; 0 if that has it not
	begun   *segment // which segments have its intent and its settlement
	settled *segment
}

// newEntry encodes a row, once for the journal and the database.
func newEntry(row *Row) (*entry, error) {
	e := new(entry)
	if err := e.fill(row); err != nil {
		return nil, err
	}
	return e, nil
}

// fill makes an empty entry that of a row.
func (e *entry) fill(row *Row) error {
	e.row = *row
	if e.row.ID == "" {
		return errors.New("a ledger row needs the request's id")
	}
	e.row.clean()
	e.row.Start = e.row.Start.UTC()
	e.doc = e.row.encode()
	if len(e.row.Price) > 0 {
		sum := sha256.Sum256(e.row.Price)
		e.priceID = hex.EncodeToString(sum[:12])
	}
	return nil
}

// size is about what an entry takes in memory.
func (e *entry) size() int64 { return int64(2*len(e.doc)+len(e.row.Price)) + 1024 }

// appendBody appends what the journal keeps of an entry: the number of the
// segment with its intent, or 0; its id and its document, each with its length
// in front; and its price.
func (e *entry) appendBody(b []byte) []byte {
	var begun uint32
	if e.begun != nil {
		begun = e.begun.number
	}
	b = binary.LittleEndian.AppendUint32(b, begun)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(e.row.ID)))
	b = append(b, e.row.ID...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.doc)))
	b = append(b, e.doc...)
	return append(b, e.row.Price...)
}

// body is what appendBody wrote, as parts of what it was read from.
type body struct {
	begun      uint32
	id         []byte
	doc, price []byte
}

var errShortRecord = errors.New("a journal record is too short")

func parseBody(b []byte) (body, error) {
	if len(b) < 6 {
		return body{}, errShortRecord
	}
	p := body{begun: binary.LittleEndian.Uint32(b)}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if b = b[6:]; len(b) < n+4 {
		return body{}, errShortRecord
	}
	p.id, b = b[:n], b[n:]
	docLen := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(docLen) > uint64(len(b)) {
		return body{}, errShortRecord
	}
	p.doc, p.price = b[:docLen], b[docLen:]
	return p, nil
}

// row decodes the row, which shares no memory with the body.
func (p body) row() (Row, error) {
	row, err := decodeRow(p.doc)
	if len(p.price) > 0 {
		row.Price = jsontext.Value(p.price).Clone()
	}
	return row, err
}

func decodeRow(doc []byte) (Row, error) {
	var row Row
	if err := json.Unmarshal(doc, &row, rowIn); err != nil {
		return Row{}, fmt.Errorf("decoding a ledger row: %w", err)
	}
	return row, nil
}
