package gateway

import (
	"math/bits"
	"sync"
)

// Buffers are kept by powers of two between these; larger ones are left to the garbage collector.
const (
	minBufferBits = 10 // 1 KiB
	maxBufferBits = 24 // 16 MiB: a client bundles a batch of a MiB for each partition of a broker
)

var buffers [maxBufferBits + 1]sync.Pool

// buffer is a piece of memory that is used again.
type buffer struct{ bytes []byte }

// newBuffer returns a buffer of a size, with whatever it held before.
func newBuffer(size int) *buffer {
	class := max(bits.Len(uint(max(size, 1)-1)), minBufferBits)
	if class > maxBufferBits {
		return &buffer{make([]byte, size)}
	}
	if b, ok := buffers[class].Get().(*buffer); ok {
		b.bytes = b.bytes[:size]
		return b
	}
	return &buffer{make([]byte, size, 1<<class)}
}

// release gives the buffer back. Nothing may refer to its bytes any more. A nil buffer is fine.
func (b *buffer) release() {
	if b == nil {
		return
	}
	// One that grew is filed under what it can hold for sure.
	class := bits.Len(uint(cap(b.bytes))) - 1
	if class < minBufferBits || class > maxBufferBits {
		return
	}
	buffers[class].Put(b)
}
