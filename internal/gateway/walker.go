package gateway

import "encoding/binary"

// walker reads the fields of a Produce or Fetch frame in place. It takes only what can be read in one way: lengths
// in their shortest form, no null where there is always something, no tagged fields, nothing behind the end. On
// anything else it fails, and the frame is decoded by kmsg. A failed walker returns zeros.
type walker struct {
	frame    []byte
	at       int
	flexible bool // compact lengths and tags (KIP-482)
	elements int  // array elements that may still come
	failed   bool
}

func (w *walker) fail() { w.failed, w.at = true, len(w.frame) }

// complete reports whether the frame was read to its end.
func (w *walker) complete() bool { return !w.failed && w.at == len(w.frame) }

// span returns the next n bytes.
func (w *walker) span(n int) []byte {
	if n < 0 || n > len(w.frame)-w.at {
		w.fail()
		return nil
	}
	w.at += n
	return w.frame[w.at-n : w.at]
}

func (w *walker) int16() int16 {
	if b := w.span(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (w *walker) int32() int32 {
	if b := w.span(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// uvarint reads a number below 1<<31 in its shortest form.
func (w *walker) uvarint() int {
	n, size := binary.Uvarint(w.frame[w.at:min(w.at+5, len(w.frame))])
	if size <= 0 || n >= 1<<31 || size > 1 && w.frame[w.at+size-1] == 0 {
		w.fail()
		return 0
	}
	w.at += size
	return int(n)
}

// length reads a length; null is -1. A short one has 16 bits where it is not compact.
func (w *walker) length(short bool) int {
	var n int
	switch {
	case w.flexible:
		n = w.uvarint() - 1
	case short:
		n = int(w.int16())
	default:
		n = int(w.int32())
	}
	if n < -1 {
		w.fail()
	}
	if w.failed {
		return 0
	}
	return n
}

// array reads the length of an array that is not null.
func (w *walker) array() int {
	n := w.length(false)
	if w.elements -= n; n < 0 || w.elements < 0 {
		w.fail()
		return 0
	}
	return n
}

// mark is a name in a frame: where its length begins, where its text begins, and where it ends.
type mark struct{ length, text, end int }

func (w *walker) text() (name []byte, at mark) {
	at.length = w.at
	n := w.length(true)
	at.text = w.at
	name = w.span(n) // null fails
	at.end = w.at
	return name, at
}

// tags fails where there are tagged fields.
func (w *walker) tags() {
	if w.flexible && w.uvarint() != 0 {
		w.fail()
	}
}

// appendLength appends the length of a string.
func appendLength(b []byte, n int, flexible bool) []byte {
	if flexible {
		return binary.AppendUvarint(b, uint64(n)+1)
	}
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// lengthBytes is how many bytes appendLength appends.
func lengthBytes(n int, flexible bool) int {
	size := 2
	if flexible {
		for size, n = 1, n+1; n >= 0x80; n >>= 7 {
			size++
		}
	}
	return size
}
