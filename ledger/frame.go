package ledger

import (
	"encoding/binary"
	"hash/crc32"
)

// A record of the journal is a frame: the length of what follows the checksum,
// that checksum (CRC-32C), a kind, a sequence number, and a body. Numbers are
// little endian.
const (
	frameHead = 4 + 4
	frameMeta = 1 + 8
	maxFrame  = 1 << 24
)

// The kinds of a record.
const (
	kindIntent    = 'i' // a request that begins
	kindSettled   = 's' // one that ended
	kindCommitted = 'c' // all settlements up to the sequence number are in the database
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends a record with the body of an entry, if there is one.
func appendFrame(b []byte, kind byte, seq uint64, e *entry) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHead)...)
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint64(b, seq)
	if e != nil {
		b = e.appendBody(b)
	}
	payload := b[start+frameHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b
}

// record is a frame that was read. Its body is part of what it was read from.
type record struct {
	kind byte
	seq  uint64
	body []byte
}

// nextFrame takes the first record off b. It is not ok at the end, and where the
// rest of b begins with no whole record.
func nextFrame(b []byte) (rec record, rest []byte, ok bool) {
	if len(b) < frameHead+frameMeta {
		return record{}, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n < frameMeta || n > maxFrame || int(n) > len(b)-frameHead {
		return record{}, b, false
	}
	payload := b[frameHead : frameHead+int(n)]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return record{}, b, false
	}
	return record{
		kind: payload[0],
		seq:  binary.LittleEndian.Uint64(payload[1:]),
		body: payload[frameMeta:],
	}, b[frameHead+int(n):], true
}
