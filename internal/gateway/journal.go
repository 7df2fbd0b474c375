package gateway

import (
	"container/list"
	"crypto/rand"
	"sync"
	"time"
)

// The kinds of an Entry.
const (
	EntryDenied    = "denied"    // a right is missing
	EntryLimited   = "limited"   // a limit of the cluster is reached
	EntryThrottled = "throttled" // the client was told to wait
	EntryRefused   = "refused"   // the request is not one that is served
	EntryClosed    = "closed"    // the connection was closed, or the login refused
)

// Limits of a Journal.
const (
	journalEntries      = 1000   // of one logical cluster
	journalTotalEntries = 50_000 // at some 600 bytes, at most 2 KiB
	journalText         = 600    // bytes of a text that has a name in it which a client chose
)

// Entry is what was refused, and how often: the same to the same principal on the same resource is one entry.
type Entry struct {
	Kind string `json:"kind"`
	// API is the request's, such as "Produce"; "" where it is about a connection.
	API string `json:"api,omitempty"`
	// Error is Kafka's name of what the client was told; "" where it was told nothing.
	Error string `json:"error,omitempty"`
	// Principal is User:u-… or User:sa-…; "" where the client is not authenticated.
	Principal string `json:"principal,omitempty"`
	// APIKeyID, Client and Node are those of the last time: the key's id, the client's address without its port, and
	// the broker whose gateway it was.
	APIKeyID string `json:"api_key_id,omitempty"`
	Client   string `json:"client"`
	Node     int32  `json:"broker_id"`
	// ResourceType is orrery.CRNTopic, …, and Resource the tenant's name of it; "" where it is about none.
	ResourceType string `json:"resource_type,omitempty"`
	Resource     string `json:"resource,omitempty"`
	// Operation is what the client would have to be allowed, in Kafka's words, such as "WRITE".
	Operation string `json:"operation,omitempty"`
	// Rule is what decided: "default-deny", or the name of a limit.
	Rule string `json:"rule,omitempty"`
	// Reason and Fix are for people, and Role is the least one that allows it, where a role would.
	Reason string    `json:"reason"`
	Fix    string    `json:"fix"`
	Role   string    `json:"role,omitempty"`
	Count  int64     `json:"count"`
	First  time.Time `json:"first_at"`
	Last   time.Time `json:"last_at"`
}

// entryKey is what makes two refusals the same.
type entryKey struct{ kind, api, code, principal, key, resourceType, resource, rule string }

func (e *Entry) key() entryKey {
	k := entryKey{e.Kind, e.API, e.Error, e.Principal, "", e.ResourceType, e.Resource, e.Rule}
	if e.Principal == "" {
		k.key = e.APIKeyID
	}
	return k
}

// Journal keeps, in memory, what was refused to each logical cluster and why, for its users; Kafka's error codes do not
// tell. Gateways of one process share one. It is bounded: a full one forgets what happened longest ago.
type Journal struct {
	id        string // random: who has the same is in the same process
	mu        sync.Mutex
	byCluster map[string]*clusterJournal // by lkc-…; "" is who did not get as far as that
	total     int
}

// clusterJournal is of one logical cluster.
type clusterJournal struct {
	entries   map[entryKey]*list.Element // of *journaled
	order     *list.List                 // the one that happened last is the first
	forgotten int64
}

// journaled is an Entry, and what of it was audited.
type journaled struct {
	Entry
	id        entryKey
	explained time.Time
	audited   time.Time
	unaudited int64
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal { return &Journal{id: rand.Text(), byCluster: map[string]*clusterJournal{}} }

// Entries returns those of a logical cluster, the last one first, and how many were forgotten because there were too
// many.
func (j *Journal) Entries(logicalClusterID string) (entries []Entry, forgotten int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := j.byCluster[logicalClusterID]
	if c == nil {
		return nil, 0
	}
	entries = make([]Entry, 0, c.order.Len())
	for e := c.order.Front(); e != nil; e = e.Next() {
		entries = append(entries, e.Value.(*journaled).Entry)
	}
	return entries, c.forgotten
}

const (
	// explanationLife is for how long an explanation is taken for the present one: rules change.
	explanationLife = 10 * time.Second
	// auditPause is how often the audit log repeats the same.
	auditPause = time.Minute
)

// record counts a refusal. Explain completes an entry that is new, or was explained long ago. The entry is returned
// with how many of it the audit log does not have, where that is due: the first, and then once in auditPause.
func (j *Journal) record(logicalClusterID string, now time.Time, entry Entry, explain func(*Entry)) (_ Entry, unaudited int64) {
	entry.Resource = shortened(entry.Resource)
	id := entry.key()
	j.mu.Lock()
	defer j.mu.Unlock()
	c := j.byCluster[logicalClusterID]
	if c == nil {
		c = &clusterJournal{entries: map[entryKey]*list.Element{}, order: list.New()}
		j.byCluster[logicalClusterID] = c
	}
	element, known := c.entries[id]
	if !known {
		j.makeRoom(c)
		entry.First = now
		element = c.order.PushFront(&journaled{Entry: entry, id: id})
		c.entries[id] = element
		j.total++
	}
	c.order.MoveToFront(element)
	e := element.Value.(*journaled)
	e.Count++
	e.Last, e.APIKeyID, e.Client, e.Node = now, entry.APIKeyID, entry.Client, entry.Node
	if !known || now.Sub(e.explained) >= explanationLife {
		explain(&e.Entry)
		e.explained = now
	}
	e.unaudited++
	if known && now.Sub(e.audited) < auditPause {
		return e.Entry, 0
	}
	unaudited, e.unaudited, e.audited = e.unaudited, 0, now
	return e.Entry, unaudited
}

// makeRoom forgets the oldest entry where there is no room for one more: of the cluster itself where it has its share
// of all, else of the one that has most.
func (j *Journal) makeRoom(c *clusterJournal) {
	victim := c
	switch {
	case c.order.Len() >= journalEntries:
	case j.total < journalTotalEntries:
		return
	case c.order.Len() < j.total/len(j.byCluster):
		for _, other := range j.byCluster {
			if other.order.Len() > victim.order.Len() {
				victim = other
			}
		}
	}
	if oldest := victim.order.Back(); oldest != nil {
		delete(victim.entries, victim.order.Remove(oldest).(*journaled).id)
		victim.forgotten++
		j.total--
	}
}

// forget drops the journals of logical clusters that are not present any more.
func (j *Journal) forget(logicalClusterID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c := j.byCluster[logicalClusterID]; c != nil {
		j.total -= c.order.Len()
		delete(j.byCluster, logicalClusterID)
	}
}

// shortened returns a text that is not longer than a journal keeps.
func shortened(text string) string {
	if len(text) <= journalText {
		return text
	}
	return text[:journalText] + "…"
}
