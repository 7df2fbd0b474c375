package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Storage is the room that a broker has for its data.
type Storage struct {
	FreeBytes, TotalBytes int64
}

// reserve is how much of it must be free so that clients may write: enough for what the broker writes until the next
// look, for what it takes from the leaders of its other replicas meanwhile, and for its own topics; and never so much
// that a small disk cannot be used.
func (s Storage) reserve() int64 {
	return min(max(s.TotalBytes/reservedPart, leastReserve), mostReserve, s.TotalBytes/4)
}

const (
	reservedPart = 20 // 5 %
	leastReserve = 64 << 20
	mostReserve  = 2 << 30
	// resumeAbove is, in percent of the reserve, how much must be free again until clients may write again, so that they
	// are not let in and refused in turn.
	resumeAbove = 125

	storagePeriod = time.Second
	// storageRule names the watermark in the journal.
	storageRule = "storage"
)

// storageFull is the error of a record that is refused because the broker's disk is almost full. A broker whose disk is
// full ends, so what it lets in before that must be less. It is an error that clients try again: it is no fault of the
// record's or the tenant's, it passes when old records are deleted, the disk grows or another broker leads the partition,
// and the metadata that clients then ask for anew leads them there. An idempotent producer keeps its batch and its
// sequence, so nothing is lost or written twice; whoever gives up (delivery.timeout.ms) knows that it was not written.
// After an error that is not tried again, each producer would have to begin anew.
var storageFull = kerr.KafkaStorageError

var storageMessage = "the broker's disk is almost full: it takes no records until there is room again; they were not written and may be sent again"

// storageWatch looks at the room of the gateway's own broker, in one goroutine; any may ask whether it is full. Nothing
// but that broker is needed for it.
type storageWatch struct {
	gateway *Gateway
	full    atomic.Bool
}

// keep looks each second until ctx ends. While the broker does not answer, what was last seen counts.
func (w *storageWatch) keep(ctx context.Context) {
	look := w.gateway.config.Storage
	if look == nil {
		if w.gateway.config.EmbeddedEngine {
			return // what it says of its disk is made up
		}
		look = w.gateway.brokerStorage
	}
	ticker := time.NewTicker(storagePeriod)
	defer ticker.Stop()
	for {
		storage, err := look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.gateway.warn("cannot look how much room the broker's disk has; what was last seen counts", err)
		default:
			w.see(storage)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// see takes in what was seen.
func (w *storageWatch) see(s Storage) {
	reserve := s.reserve()
	w.gateway.metrics.storageFree.Set(float64(s.FreeBytes))
	w.gateway.metrics.storageReserve.Set(float64(reserve))
	before := w.full.Load()
	full := s.FreeBytes < reserve || before && s.FreeBytes < reserve/100*resumeAbove
	if full == before {
		return
	}
	w.full.Store(full)
	log, what := w.gateway.config.Logger.Error, "the broker's disk is almost full: clients' records are refused"
	if !full {
		log, what = w.gateway.config.Logger.Info, "the broker's disk has room again: clients' records are taken"
	}
	log(what, "node", w.gateway.config.Node, "free_bytes", s.FreeBytes, "total_bytes", s.TotalBytes, "reserve_bytes", reserve)
}

// brokerStorage asks the gateway's own broker (KIP-827). It has one directory; of several, the fullest one counts.
func (g *Gateway) brokerStorage(ctx context.Context) (Storage, error) {
	request := kmsg.NewPtrDescribeLogDirsRequest()
	// One topic, for of all the others nothing needs to be told.
	topic := kmsg.NewDescribeLogDirsRequestTopic()
	topic.Topic, topic.Partitions = topicGateways, []int32{0}
	request.Topics = append(request.Topics, topic)
	answer, err := g.control.requestAt(ctx, g.config.Node, request)
	if err != nil {
		return Storage{}, err
	}
	response := answer.(*kmsg.DescribeLogDirsResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return Storage{}, fmt.Errorf("asking for the broker's disk: %w", err)
	}
	var fullest *Storage
	for _, d := range response.Dirs {
		if err := kerr.ErrorForCode(d.ErrorCode); err != nil {
			return Storage{}, fmt.Errorf("asking for the broker's disk: directory %s: %w", d.Dir, err)
		}
		s := Storage{FreeBytes: d.UsableBytes, TotalBytes: d.TotalBytes}
		if s.TotalBytes > 0 && s.FreeBytes >= 0 && (fullest == nil || s.FreeBytes-s.reserve() < fullest.FreeBytes-fullest.reserve()) {
			fullest = &s
		}
	}
	if fullest == nil {
		return Storage{}, errors.New("asking for the broker's disk: it does not say")
	}
	return *fullest, nil
}

// storageError is not 0 while the broker's disk is almost full, and then a topic of a Produce request is refused.
func (s *session) storageError() int16 {
	if !s.gateway.storage.full.Load() {
		return 0
	}
	s.gateway.metrics.storageRefused.Inc()
	return storageFull.Code
}
