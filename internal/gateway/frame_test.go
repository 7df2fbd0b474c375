package gateway

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzRequest feeds what comes after the fixed header of a request through the steps before its handler: nothing
// may panic, and what passes checkShape is decoded in time and memory that its size allows.
func FuzzRequest(f *testing.F) {
	keys := []int16{kmsg.Produce.Int16(), kmsg.ApiVersions.Int16(), kmsg.SASLAuthenticate.Int16(), kmsg.SASLHandshake.Int16()}
	for _, key := range keys {
		for version := range int16(14) {
			request := kmsg.RequestForKey(key)
			if version > request.MaxVersion() {
				continue
			}
			request.SetVersion(version)
			if produce, ok := request.(*kmsg.ProduceRequest); ok {
				produce.TransactionID = kmsg.StringPtr("t")
				topic := kmsg.NewProduceRequestTopic()
				topic.Topic = "orders"
				topic.Partitions = []kmsg.ProduceRequestTopicPartition{{Partition: 1, Records: []byte("records")}}
				produce.Topics = append(produce.Topics, topic)
			}
			frame := appendRequest(nil, request, 1, "client")
			f.Add(key, version, frame[sizeBytes+fixedHeaderBytes:])
		}
	}
	f.Add(int16(18), int16(3), []byte{0xff, 0xff, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(int16(0), int16(9), []byte{0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, key, version int16, rest []byte) {
		request := kmsg.RequestForKey(key)
		switch kmsg.Key(key) {
		case kmsg.Produce, kmsg.ApiVersions, kmsg.SASLAuthenticate, kmsg.SASLHandshake:
		default:
			return
		}
		if version < 0 || version > request.MaxVersion() || kmsg.Key(key) == kmsg.Produce && version < 3 {
			return
		}
		request.SetVersion(version)
		_, body, err := parseRest(rest, request.IsFlexible())
		if err != nil || checkShape(key, version, body) != nil {
			return
		}
		if allocated := testing.AllocsPerRun(1, func() { err = request.ReadFrom(body) }); allocated > float64(2*len(body)+20) {
			t.Errorf("%g allocations for %d bytes", allocated, len(body))
		}
		if err == nil {
			appendRequest(nil, request, 1, "client")
		}
	})
}

// What checkShape lets pass is what kmsg can decode, for every version.
func TestCheckShapeFollowsTheProtocol(t *testing.T) {
	for version := int16(3); version <= 13; version++ {
		request := kmsg.NewPtrProduceRequest()
		request.Version, request.TransactionID = version, kmsg.StringPtr("transactional id")
		for range 3 {
			topic := kmsg.NewProduceRequestTopic()
			topic.Topic, topic.TopicID = "orders", [16]byte{1}
			topic.UnknownTags.Set(7, []byte("tag"))
			for range 4 {
				partition := kmsg.NewProduceRequestTopicPartition()
				partition.Records = make([]byte, 300)
				partition.UnknownTags.Set(9, []byte("another"))
				topic.Partitions = append(topic.Partitions, partition)
			}
			request.Topics = append(request.Topics, topic)
		}
		request.UnknownTags.Set(8, []byte("more"))
		body := request.AppendTo(nil)
		if err := checkShape(0, version, body); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		for cut := range body {
			if checkShape(0, version, body[:cut]) == nil {
				t.Errorf("version %d: %d of %d bytes pass", version, cut, len(body))
			}
		}
	}
}

func TestBuffersAreUsedAgainWithoutOverlap(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 1 << 20, 1<<22 + 1} {
		b := newBuffer(size)
		if len(b.bytes) != size {
			t.Fatalf("%d bytes, want %d", len(b.bytes), size)
		}
		b.bytes = append(b.bytes, make([]byte, 3000)...)
		b.release()
		again := newBuffer(size)
		if len(again.bytes) != size {
			t.Fatalf("again: %d bytes, want %d", len(again.bytes), size)
		}
	}
	(*buffer)(nil).release()
}
