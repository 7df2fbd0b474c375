package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	// mostACLs bounds those of a cluster whose quotas do not.
	mostACLs = 10_000
	// aclWriteTimeout is for how long a client waits for its change to be durable and in force here.
	aclWriteTimeout = 10 * time.Second
)

// aclWrites is how far _orrery_acls is in force here, and which ACLs are on their way into it. The zero value is ready.
type aclWrites struct {
	mu      sync.Mutex
	applied int64                     // the offset after the last record in force
	more    chan struct{}             // closed when applied grows; nil while nobody waits
	coming  map[string]map[string]int // in how many requests an ACL is, by its ID and lkc-…
}

// advance says that records before offset are in force.
func (w *aclWrites) advance(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if offset <= w.applied {
		return
	}
	if w.applied = offset; w.more != nil {
		close(w.more)
		w.more = nil
	}
}

// wait returns once the records before offset are in force.
func (w *aclWrites) wait(ctx context.Context, offset int64) error {
	for {
		w.mu.Lock()
		if w.applied >= offset {
			w.mu.Unlock()
			return nil
		}
		if w.more == nil {
			w.more = make(chan struct{})
		}
		more := w.more
		w.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the ACLs to be in force: %w", context.Cause(ctx))
		}
	}
}

// reserve takes room for ACLs of a cluster, by their IDs, unless there would be too many. It returns how many the cluster
// has and how many these would add. The room is given back once they are in force. What is in force is asked for under
// the lock: an ACL that is not on its way any more is in force then, and one that is both counts once.
func (w *aclWrites) reserve(inForce func() *registry[authz.ACL], logicalClusterID string, ids []string, most int64) (has, added int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	present, coming := inForce(), w.coming[logicalClusterID]
	has = present.size
	for id := range coming {
		if _, there := present.get(id); !there {
			has++
		}
	}
	for _, id := range ids {
		if _, there := present.get(id); !there && coming[id] == 0 {
			added++
		}
	}
	if added > 0 && int64(has+added) > most {
		return has, added, false
	}
	if coming == nil {
		coming = map[string]int{}
		if w.coming == nil {
			w.coming = map[string]map[string]int{}
		}
		w.coming[logicalClusterID] = coming
	}
	for _, id := range ids {
		coming[id]++
	}
	return has, added, true
}

func (w *aclWrites) release(logicalClusterID string, ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	coming := w.coming[logicalClusterID]
	for _, id := range ids {
		if coming[id]--; coming[id] <= 0 {
			delete(coming, id)
		}
	}
	if len(coming) == 0 {
		delete(w.coming, logicalClusterID)
	}
}

// errACLWrite is what clients are told of an ACL that may or may not have been written.
var errACLWrite = errors.New("The change could not be made in time and may or may not come into force; try again.")

// writeACLs puts ACLs of the session's tenant into _orrery_acls, or takes them out, and returns once that is in force
// here; on the cluster's other gateways it is as soon as they have read it, which is what Kafka's brokers promise too.
// The error of each ACL is in the same place; all are written, whether or not they are there, for this gateway may be
// behind the one that changed them last.
func (s *session) writeACLs(ctx context.Context, acls []authz.ACL, deleted bool) []error {
	errs := make([]error, len(acls))
	if len(acls) == 0 {
		return errs
	}
	ctx, cancel := context.WithTimeout(ctx, aclWriteTimeout)
	defer cancel()
	end, err := s.produceACLs(ctx, acls, errs, deleted)
	if err == nil {
		err = s.gateway.acls.wait(ctx, end)
	}
	if err != nil {
		s.gateway.warn("cannot write a tenant's ACLs", err)
		for i := range errs {
			errs[i] = errACLWrite
		}
	}
	return errs
}

// produceACLs returns the offset after the last record.
func (s *session) produceACLs(ctx context.Context, acls []authz.ACL, errs []error, deleted bool) (end int64, err error) {
	control := s.gateway.control
	if err := control.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer control.slots.Release(1)
	records, place := make([]*kgo.Record, len(acls)), map[*kgo.Record]int{}
	for i, acl := range acls {
		if records[i], err = aclRecord(s.LogicalClusterID, acl, deleted); err != nil {
			return 0, err
		}
		place[records[i]] = i
	}
	for _, result := range control.client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			s.gateway.warn("cannot write to "+topicACLs, result.Err)
			errs[place[result.Record]] = errACLWrite
			continue
		}
		end = max(end, result.Record.Offset+1)
	}
	return end, nil
}

func aclRecord(logicalClusterID string, acl authz.ACL, deleted bool) (*kgo.Record, error) {
	record := &kgo.Record{Topic: topicACLs, Key: []byte(tenancy.StateKey(tenancy.StateACL, logicalClusterID+"/"+acl.ID()))}
	if deleted {
		return record, nil
	}
	content, err := json.Marshal(acl)
	if err != nil {
		return nil, fmt.Errorf("encoding the ACL %s: %w", acl, err)
	}
	record.Value, err = json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(content), Content: content})
	if err != nil {
		return nil, fmt.Errorf("encoding the record of the ACL %s: %w", acl, err)
	}
	return record, nil
}
