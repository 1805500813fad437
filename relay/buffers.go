package relay

import (
	"math/bits"
	"sync"
)

// buffers have had the bodies of earlier requests. Without them, long prompts
// would be nearly all that the collector has to clear away.
type buffers struct {
	sizes [lastBuffer - firstBuffer + 1]sync.Pool
}

// bodies are shared by all handlers, and by those of a configuration that has
// ended: it is memory alone.
var bodies buffers

// Buffers have powers of two as sizes, from these bits on to these. What is
// smaller is as cheap to make, and what is larger is rare.
const (
	firstBuffer = 14
	lastBuffer  = 20
)

// take gives an empty buffer of at least n bytes.
func (b *buffers) take(n int64) []byte {
	class := bits.Len64(uint64(n - 1))
	if n < 1<<firstBuffer || class > lastBuffer {
		return make([]byte, 0, n)
	}
	if old, ok := b.sizes[class-firstBuffer].Get().(*[]byte); ok {
		return *old
	}
	return make([]byte, 0, 1<<class)
}

// give takes a buffer that nobody uses any more. Nothing of what was in it is left
// to be seen by whoever has it next, or used it too long.
func (b *buffers) give(buffer []byte) {
	size := cap(buffer)
	class := bits.Len64(uint64(size)) - 1
	if class < firstBuffer || class > lastBuffer || size != 1<<class {
		return
	}
	clear(buffer)
	buffer = buffer[:0]
	b.sizes[class-firstBuffer].Put(&buffer)
}
