package satellite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// item is what goes into a state topic (a tenant, credential, binding, identity provider, pool or salt key) on its way into the state topic of its physical cluster, and from
// there into the gateways. The newest message of a key is all that is kept.
type item struct {
	place
	kind, id   string
	generation orrery.Generation
	deleted    bool
	hash       string
	// content is dropped once it is in the state topic.
	content json.RawMessage
	// forget: the mothership sent a tombstone, so the record goes and then the item.
	forget bool

	// end is the offset after the record, once it is in the state topic; 0 before.
	end int64
	// applied: in force on every live gateway; gone: nothing is left of it.
	applied, gone bool
	// refused says why it will never be applied; conflict, that another content came for the same generation.
	refused, conflict string
	// keySet is what was last said about an identity provider's keys.
	keySet *orrery.KeySetStatus
	// usage is what was last said of a tenant's use.
	usage *orrery.UsageReport
	// reason says what it waits for.
	reason string
	// left is how many topics and groups of a deleted tenant are known to be left; attempts counts tries without
	// progress, and retry is when the next one is due.
	left     int
	attempts int
	retry    time.Time
}

func (i *item) key() string { return i.kind + "/" + i.id }

// settled is true where nothing is left to do until another message comes.
func (i *item) settled() bool {
	switch {
	case i.forget:
		return false
	case i.refused != "":
		return true
	case i.deleted:
		return i.gone
	}
	return i.applied
}

func (i *item) status() orrery.Status {
	status := orrery.Status{Generation: i.generation, Applied: i.applied, Gone: i.gone, Reason: i.reason, KeySet: i.keySet, Usage: i.usage}
	if why := i.refused + i.conflict; why != "" {
		status.Applied, status.Reason = false, why
	}
	return status
}

// record is what goes into the state topic. A deleted one keeps its hash and drops its content: nobody needs the
// verifiers of a deleted key.
func (i *item) record() ([]byte, error) {
	r := tenancy.StateRecord{Version: tenancy.StateVersion, Generation: i.generation, Hash: i.hash, Deleted: i.deleted}
	if !i.deleted {
		r.Content = i.content
	}
	return json.Marshal(r)
}

// takeItem notes a message about a tenant, credential or binding.
func (s *Satellite) takeItem(m link.Message) {
	old, known := s.items[m.Key()]
	if m.Tombstone {
		s.forgetItem(m, old)
		return
	}
	at, problem := locate(m)
	canonical, err := orrery.CanonicalJSON(m.Content)
	if err != nil {
		problem = "its content is not JSON: " + err.Error()
	}
	if problem != "" {
		if !known || m.Generation.Compare(old.generation) > 0 {
			s.refuse(m, problem)
		}
		return
	}
	i := &item{place: at, kind: m.Kind, id: m.ID, generation: m.Generation, deleted: m.Deleted, content: canonical, hash: orrery.Hash(canonical)}
	if known {
		i.keySet, i.usage = old.keySet, old.usage
		order := m.Generation.Compare(old.generation)
		same := i.hash == old.hash && i.deleted == old.deleted
		switch {
		case order < 0:
			return // late
		case order == 0 && !old.forget && old.refused == "":
			old.conflict = ""
			if !same {
				old.conflict = sameGeneration(m.Generation)
			}
			s.reports.again(m)
			s.reports.changed(link.Message{Kind: m.Kind, ID: m.ID}, old.status())
			return
		}
	}
	s.items[m.Key()], s.pending[m.Key()] = i, true
}

func sameGeneration(g orrery.Generation) string {
	return fmt.Sprintf("generation %s came a second time with other content; the first one stays in force", g)
}

// forgetItem notes a tombstone: the record of something that is deleted and gone is removed from the state topic.
func (s *Satellite) forgetItem(m link.Message, old *item) {
	if old == nil {
		at, ok := locateKey(m)
		if !ok {
			s.reports.forget(m)
			return
		}
		old = &item{place: at, kind: m.Kind, id: m.ID}
		s.items[m.Key()] = old
	}
	old.forget = true
	s.pending[m.Key()] = true
}

// drop forgets an item after its record was removed, or where there was none.
func (s *Satellite) drop(i *item) {
	delete(s.items, i.key())
	delete(s.pending, i.key())
	s.reports.forget(link.Message{Kind: i.kind, ID: i.id})
}
