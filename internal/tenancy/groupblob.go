package tenancy

import (
	"encoding/binary"

	"github.com/orrery-kafka/orrery"
)

// ConsumerProtocol is the protocol type of the groups whose blobs hold topic names. The blobs of other types
// (connect, sr, …) hold none and belong to the clients alone.
const ConsumerProtocol = "consumer"

// PhysicalSubscription returns a ConsumerProtocolSubscription (KIP-429, KIP-881; what a member puts into
// JoinGroup) with physical topic names. The broker reads it to learn which committed offsets are in use.
func (p Prefix) PhysicalSubscription(blob []byte) ([]byte, error) {
	return rewriteBlob(blob, p.outward, (*blobWalk).subscription)
}

// LogicalSubscription undoes PhysicalSubscription. A name that is not the tenant's is an error.
func (p Prefix) LogicalSubscription(blob []byte) ([]byte, error) {
	return rewriteBlob(blob, p.inward, (*blobWalk).subscription)
}

// PhysicalAssignment returns a ConsumerProtocolAssignment (what the leader puts into SyncGroup) with physical
// topic names.
func (p Prefix) PhysicalAssignment(blob []byte) ([]byte, error) {
	return rewriteBlob(blob, p.outward, (*blobWalk).assignment)
}

// LogicalAssignment undoes PhysicalAssignment. A name that is not the tenant's is an error.
func (p Prefix) LogicalAssignment(blob []byte) ([]byte, error) {
	return rewriteBlob(blob, p.inward, (*blobWalk).assignment)
}

func (p Prefix) outward(name []byte) ([]byte, bool) {
	if len(name) > maxString-len(p) {
		return nil, false
	}
	return append([]byte(p), name...), true
}

func (p Prefix) inward(name []byte) ([]byte, bool) {
	if !p.Owns(string(name)) {
		return nil, false
	}
	return name[len(p):], true
}

// rewriteBlob copies a blob with its topic names renamed and everything else as it is, byte for byte: user data,
// absent fields, and whatever a newer version put behind what is known. An empty blob says nothing and stays
// empty. The result is at most one prefix a name longer than the blob.
func rewriteBlob(blob []byte, rename func([]byte) ([]byte, bool), walk func(*blobWalk)) ([]byte, error) {
	if len(blob) == 0 {
		return blob, nil
	}
	w := blobWalk{in: blob, out: make([]byte, 0, len(blob)+len(blob)/2), rename: rename}
	walk(&w)
	if w.fault != "" {
		return nil, orrery.Errorf(orrery.Invalid, "the consumer protocol data of a group member is malformed: %s", w.fault)
	}
	return append(w.out, w.in...), nil
}

// blobWalk moves through a blob: what it has seen is in out, what it has not is in in. After a fault it stands
// still.
type blobWalk struct {
	in, out []byte
	rename  func([]byte) ([]byte, bool)
	fault   string
}

// subscription walks: version, topics, user data, from version 1 owned partitions. Generation (2) and rack (3)
// are behind all names and are copied with the rest. Some clients state a version and leave out the fields that
// came with it, and brokers do not mind.
func (w *blobWalk) subscription() {
	version := w.int16()
	w.array(w.name)
	w.bytes()
	if version >= 1 && len(w.in) > 0 {
		w.array(w.topicPartitions)
	}
}

// assignment walks: version, topics with their partitions. User data is behind all names.
func (w *blobWalk) assignment() {
	w.int16()
	w.array(w.topicPartitions)
}

func (w *blobWalk) topicPartitions() {
	w.name()
	w.take(4 * int64(w.length()))
}

// array walks a length and as many elements. Each element has at least two bytes, so a length that lies ends
// early.
func (w *blobWalk) array(element func()) {
	for n := w.length(); n > 0 && w.fault == ""; n-- {
		element()
	}
}

// length reads an array's length; -1, which is null, counts as none.
func (w *blobWalk) length() int32 {
	b := w.take(4)
	if b == nil {
		return 0
	}
	n := int32(binary.BigEndian.Uint32(b))
	if n < -1 {
		w.fault = "an array has a negative length"
	}
	return max(n, 0)
}

func (w *blobWalk) int16() int16 {
	b := w.take(2)
	if b == nil {
		return 0
	}
	n := int16(binary.BigEndian.Uint16(b))
	if n < 0 {
		w.fault = "a version or length is negative"
	}
	return n
}

func (w *blobWalk) bytes() { w.take(int64(w.length())) }

// name reads a topic name and writes the renamed one.
func (w *blobWalk) name() {
	mark := len(w.out)
	n := w.int16()
	old := w.take(int64(n))
	if w.fault != "" {
		return
	}
	renamed, ok := w.rename(old)
	if !ok {
		w.fault = "a topic name cannot be translated"
		return
	}
	w.out = binary.BigEndian.AppendUint16(w.out[:mark], uint16(len(renamed)))
	w.out = append(w.out, renamed...)
}

// take moves n bytes from in to out and returns them as they stand in in.
func (w *blobWalk) take(n int64) []byte {
	if w.fault != "" {
		return nil
	}
	if n > int64(len(w.in)) {
		w.fault = "it ends in the middle of a field"
		return nil
	}
	b := w.in[:n]
	w.in, w.out = w.in[n:], append(w.out, b...)
	return b
}
