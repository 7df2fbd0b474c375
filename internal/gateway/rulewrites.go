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
	// ruleWriteTimeout is for how long a client waits for its change to be durable and in force here.
	ruleWriteTimeout = 10 * time.Second
)

// ruleWrites is how far _orrery_acls is in force here. The zero value is ready.
type ruleWrites struct {
	mu      sync.Mutex
	applied int64         // the offset after the last record in force
	more    chan struct{} // closed when applied grows; nil while nobody waits
}

// advance says that records before offset are in force.
func (w *ruleWrites) advance(offset int64) {
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
func (w *ruleWrites) wait(ctx context.Context, offset int64) error {
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
			return fmt.Errorf("waiting for a change to be in force: %w", context.Cause(ctx))
		}
	}
}

// errRuleWrite is what clients are told of an ACL or client quota that may or may not have been written.
var errRuleWrite = errors.New("The change could not be made in time and may or may not come into force; try again.")

// rule is an ACL or client quota that is to be put into _orrery_acls, or to be taken out.
type rule struct {
	kind, id string
	content  any // nil: taken out
}

// writeRules puts rules of the session's tenant into _orrery_acls, in order, or takes them out, and returns once that
// is in force here; on the cluster's other gateways it is as soon as they have read it, which is what Kafka's brokers
// promise too. The error of each rule is in the same place; all are written, whether or not they are there, for this
// gateway may be behind the one that changed them last.
func (s *session) writeRules(ctx context.Context, rules []rule) []error {
	errs := make([]error, len(rules))
	if len(rules) == 0 {
		return errs
	}
	ctx, cancel := context.WithTimeout(ctx, ruleWriteTimeout)
	defer cancel()
	end, err := s.produceRules(ctx, rules, errs)
	if err == nil {
		err = s.gateway.rules.wait(ctx, end)
	}
	if err != nil {
		s.gateway.warn("cannot write a tenant's ACLs or client quotas", err)
		for i := range errs {
			errs[i] = errRuleWrite
		}
	}
	return errs
}

// produceRules returns the offset after the last record.
func (s *session) produceRules(ctx context.Context, rules []rule, errs []error) (end int64, err error) {
	control := s.gateway.control
	if err := control.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer control.slots.Release(1)
	records, place := make([]*kgo.Record, len(rules)), map[*kgo.Record]int{}
	for i, r := range rules {
		if records[i], err = r.record(s.LogicalClusterID); err != nil {
			return 0, err
		}
		place[records[i]] = i
	}
	for _, result := range control.client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			s.gateway.warn("cannot write to "+topicACLs, result.Err)
			errs[place[result.Record]] = errRuleWrite
			continue
		}
		end = max(end, result.Record.Offset+1)
	}
	return end, nil
}

func (r rule) record(logicalClusterID string) (*kgo.Record, error) {
	record := &kgo.Record{Topic: topicACLs, Key: []byte(tenancy.StateKey(r.kind, logicalClusterID+"/"+r.id))}
	if r.content == nil {
		return record, nil
	}
	content, err := json.Marshal(r.content)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", record.Key, err)
	}
	record.Value, err = json.Marshal(tenancy.StateRecord{Version: tenancy.StateVersion, Hash: orrery.Hash(content), Content: content})
	if err != nil {
		return nil, fmt.Errorf("encoding the record %s: %w", record.Key, err)
	}
	return record, nil
}

// writeACLs puts ACLs of the session's tenant into force, or takes them out. The error of each is in the same place.
func (s *session) writeACLs(ctx context.Context, acls []authz.ACL, deleted bool) []error {
	rules := make([]rule, len(acls))
	for i, acl := range acls {
		rules[i] = rule{kind: tenancy.StateACL, id: acl.ID()}
		if !deleted {
			rules[i].content = acl
		}
	}
	return s.writeRules(ctx, rules)
}
