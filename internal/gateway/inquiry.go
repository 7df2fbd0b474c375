package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

const (
	// askedKey and toldKey are the first halves of keys in _orrery_gateways; the second is the node.
	askedKey, toldKey = "asked/", "told/"
	// inquiryPatience is for how long a gateway waits for what the others have in their journals.
	inquiryPatience = 2 * time.Second
	// maxInquiries is how many logical clusters' journals a gateway asks for at once, and maxUntold how many it still has
	// to tell of.
	maxInquiries, maxUntold = 4, 2000
	// maxToldBytes is how many bytes of entries a gateway tells at once, the last ones first: a record has less than 1 MB.
	maxToldBytes = 900_000
	// tellPause for each byte that was told keeps journals from taking more than 1 MB/s of the topic.
	tellPause = time.Microsecond
)

// askedRecord is the value of asked/NODE in _orrery_gateways: a gateway wants to know what the others' journals have of
// a logical cluster.
type askedRecord struct {
	Version          int    `json:"version"`
	LogicalClusterID string `json:"logical_cluster_id"`
	// ID is random, so that the gateway knows its own question.
	ID string `json:"id"`
}

// toldRecord is the value of told/NODE: what a journal has of a logical cluster. It is deleted as soon as it was
// written, for whoever asked reads it all the same.
type toldRecord struct {
	Version          int             `json:"version"`
	LogicalClusterID string          `json:"logical_cluster_id"`
	Journal          string          `json:"journal"`
	Entries          json.RawMessage `json:"entries"`
	Forgotten        int64           `json:"forgotten"`
}

// inquiries ask the gateways of other processes for what they refused, and tell them what was refused here. The topic
// has one order, so what is told after a question was heard is as new as the question. Nothing is written while nobody
// asks. The lock of shares is taken before this one.
type inquiries struct {
	gateway *Gateway
	turns   chan struct{} // held by each that asks

	mu      sync.Mutex
	waiting map[string]*inquiry // by the id of the question
	untold  []string            // logical clusters, in the order in which they were asked for
	more    chan struct{}       // capacity 1: somebody asked
}

// inquiry is one question.
type inquiry struct {
	logicalClusterID string
	// awaited are the journals that have not told, with their gateways' nodes. It is nil until the question was heard.
	awaited map[string][]int32
	told    []toldRecord
	done    chan struct{} // closed when nothing is awaited
}

func newInquiries(g *Gateway) *inquiries {
	return &inquiries{gateway: g, turns: make(chan struct{}, maxInquiries), waiting: map[string]*inquiry{}, more: make(chan struct{}, 1)}
}

// ask returns what the journals of other processes have of a logical cluster, and the nodes of gateways that did not
// tell in time.
func (q *inquiries) ask(ctx context.Context, logicalClusterID string) (told []toldRecord, silent []int32) {
	ctx, cancel := context.WithTimeout(ctx, inquiryPatience)
	defer cancel()
	question := &inquiry{logicalClusterID: logicalClusterID, done: make(chan struct{})}
	select {
	case q.turns <- struct{}{}:
		defer func() { <-q.turns }()
		q.put(ctx, question)
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if question.awaited == nil { // nobody was asked
		for _, broker := range q.gateway.state.Load().endpoints.Brokers {
			if broker.Node != q.gateway.config.Node {
				silent = append(silent, broker.Node)
			}
		}
	}
	for _, nodes := range question.awaited {
		silent = append(silent, nodes...)
	}
	slices.Sort(silent)
	return question.told, silent
}

// put writes a question and waits until everybody has told, or ctx ends.
func (q *inquiries) put(ctx context.Context, question *inquiry) {
	id := rand.Text()
	q.mu.Lock()
	q.waiting[id] = question
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.waiting, id)
	}()
	err := q.write(ctx, askedKey, askedRecord{Version: tenancy.StateVersion, LogicalClusterID: question.logicalClusterID, ID: id})
	if err != nil {
		q.gateway.warn("cannot ask other gateways what they refused", err)
		return
	}
	select {
	case <-question.done:
	case <-ctx.Done():
	}
}

// hear takes a record of a gateway. Others are the journals of gateways that hold a lease, but for this one's.
func (q *inquiries) hear(kind string, node int32, value []byte, others func() map[string][]int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch kind {
	case askedKey:
		var record askedRecord
		if json.Unmarshal(value, &record) != nil {
			return
		}
		if node != q.gateway.config.Node {
			q.owe(record.LogicalClusterID)
		} else if question := q.waiting[record.ID]; question != nil && question.awaited == nil {
			question.awaited = others()
			question.finish()
		}
	case toldKey:
		var record toldRecord
		if len(q.waiting) == 0 || value == nil || json.Unmarshal(value, &record) != nil {
			return
		}
		for _, question := range q.waiting {
			if _, awaited := question.awaited[record.Journal]; awaited && question.logicalClusterID == record.LogicalClusterID {
				delete(question.awaited, record.Journal)
				question.told = append(question.told, record)
				question.finish()
			}
		}
	}
}

// finish ends the wait for a question's answers when there are none to wait for.
func (i *inquiry) finish() {
	if len(i.awaited) == 0 {
		close(i.done)
	}
}

// owe remembers to tell of a logical cluster, once for all who have asked until then. The caller holds the lock.
func (q *inquiries) owe(logicalClusterID string) {
	if len(q.untold) >= maxUntold || slices.Contains(q.untold, logicalClusterID) {
		return
	}
	q.untold = append(q.untold, logicalClusterID)
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// owed returns the logical cluster to tell of next; "" is none.
func (q *inquiries) owed() (logicalClusterID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.untold) > 0 {
		logicalClusterID, q.untold = q.untold[0], q.untold[1:]
	}
	return logicalClusterID
}

// tell tells who asks, until ctx ends.
func (q *inquiries) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.more:
		}
		for id := q.owed(); id != ""; id = q.owed() {
			record := q.gateway.config.Journal.told(id)
			if err := q.write(ctx, toldKey, record, nil); err != nil && ctx.Err() == nil {
				q.gateway.warn("cannot tell another gateway what was refused here", err)
			}
			if sleep(ctx, time.Duration(len(record.Entries))*tellPause) != nil {
				return
			}
		}
	}
}

// write appends records of this gateway, nil being a tombstone.
func (q *inquiries) write(ctx context.Context, key string, values ...any) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	g := q.gateway
	records := make([]*kgo.Record, len(values))
	for i, value := range values {
		records[i] = &kgo.Record{Topic: topicGateways, Key: []byte(key + strconv.Itoa(int(g.config.Node)))}
		if value == nil {
			continue
		}
		var err error
		if records[i].Value, err = json.Marshal(value); err != nil {
			return fmt.Errorf("encoding a record about refusals: %w", err)
		}
	}
	if err := g.control.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", topicGateways, err)
	}
	return nil
}

// told is what the journal has of a logical cluster, as much of it as fits into a record.
func (j *Journal) told(logicalClusterID string) toldRecord {
	entries, forgotten := j.Entries(logicalClusterID)
	list := []byte{'['}
	for i, e := range entries {
		encoded, err := json.Marshal(e)
		if err != nil || len(list)+len(encoded) > maxToldBytes {
			forgotten += int64(len(entries) - i)
			break
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, encoded...)
	}
	return toldRecord{
		Version: tenancy.StateVersion, LogicalClusterID: logicalClusterID, Journal: j.id, Entries: append(list, ']'), Forgotten: forgotten,
	}
}

// merged adds up what several journals have: the same refusal is one entry, with the client and broker of the last
// time. It returns as many as one journal keeps, the last first.
func merged(journals ...[]Entry) (entries []Entry, forgotten int64) {
	at := map[entryKey]int{}
	for _, list := range journals {
		for _, e := range list {
			i, known := at[e.key()]
			if !known {
				at[e.key()] = len(entries)
				entries = append(entries, e)
				continue
			}
			newest, oldest := entries[i], e
			if newest.Last.Before(oldest.Last) {
				newest, oldest = oldest, newest
			}
			newest.Count += oldest.Count
			if oldest.First.Before(newest.First) {
				newest.First = oldest.First
			}
			entries[i] = newest
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(b.Last.UnixNano(), a.Last.UnixNano()) })
	if len(entries) > journalEntries {
		forgotten, entries = int64(len(entries)-journalEntries), entries[:journalEntries]
	}
	return entries, forgotten
}
