package gateway

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// transactionalUse is the transactional id that a connection may use, under one policy.
type transactionalUse struct {
	policy   *authz.Authorizer
	logical  string
	physical string
}

// mayUseTransactionalID reads the transactional id of a Produce request; nil is none.
func (c *connection) mayUseTransactionalID(w *walker, marks []mark) (physical *string, _ []mark) {
	begin := w.at
	if w.length(true) < 0 && !w.failed {
		return nil, marks
	}
	w.at = begin
	id, at := w.text()
	if w.failed {
		return nil, marks
	}
	known, policy := &c.transactional, c.session.policy()
	if known.policy != policy || known.logical != string(id) {
		logical := string(id)
		if c.session.transactionalIDError(authz.Write, logical) != 0 {
			w.fail()
			return nil, marks
		}
		*known = transactionalUse{policy, logical, c.session.physical(logical)}
		if len(known.physical) != len(c.session.prefix)+len(logical) {
			w.fail() // shortened
		}
	}
	return &known.physical, append(marks, at)
}

// rawProduce takes a Produce request in which nothing is refused.
func rawProduce(c *connection, in *inbound) (taken bool, err error) {
	w, err := c.rawWalker(in)
	if w.failed || err != nil {
		return false, err
	}
	marks, acks := c.walkProduce(&w, in)
	c.marks = keptMarks(marks)
	if !w.complete() {
		return false, nil
	}
	return true, c.forwardRaw(in, sessionUse{}, w.flexible, acks != 0, marks)
}

func (c *connection) walkProduce(w *walker, in *inbound) (_ []mark, acks int16) {
	c.writable.under(c.session.policy())
	transactionalID, marks := c.mayUseTransactionalID(w, c.marks[:0])
	acks = w.int16()
	w.span(4) // the timeout
	topics, byID := w.array(), in.version >= 13
	if byID && topics > 1 && c.gateway.config.EmbeddedEngine || acks < -1 || acks > 1 || topics == 0 {
		w.fail() // produceByName
	}
	if c.gateway.storage.full.Load() {
		w.fail() // refused, and told why
	}
	for ; topics > 0 && !w.failed; topics-- {
		var ok bool
		if marks, ok = c.mayUse(w, &c.writable, authz.Write, byID, marks); !ok {
			w.fail()
		}
		for partitions := w.array(); partitions > 0 && !w.failed; partitions-- {
			w.span(4) // the partition
			records := w.span(w.length(false))
			if w.failed || !c.mayWrite(transactionalID, records) {
				w.fail()
			}
			in.produced.add(records)
			w.tags()
		}
		w.tags()
	}
	w.tags()
	return marks, acks
}

// mayWrite reports whether a batch may be written. The first one of a producer is the handler's, which counts them.
func (c *connection) mayWrite(transactionalID *string, records []byte) bool {
	if len(records) >= batchHeader {
		id := int64(binary.BigEndian.Uint64(records[batchProducerID:]))
		if id >= 0 && c.session.memory.writer != id+1 {
			return false
		}
	}
	return c.session.batchError(c.ctx, transactionalID, records) == 0
}

// rawProduceResponse takes a response without error texts, new leaders and addresses.
func rawProduceResponse(s *slot, frame []byte, marks []mark) ([]mark, bool) {
	w := walker{frame: frame, flexible: s.version >= s.entry.lane.flexible, elements: maxElements}
	w.tags() // of the header
	for topics := w.array(); topics > 0 && !w.failed; topics-- {
		marks = s.walkTopic(&w, s.version >= 13, marks)
		for partitions := w.array(); partitions > 0 && !w.failed; partitions-- {
			w.span(4) // partition
			if w.int16() != 0 {
				w.fail() // what went wrong is looked at
			}
			w.span(8 + 8) // first offset, time
			if s.version >= 5 {
				w.span(8) // the log's start
			}
			if s.version >= 8 && (w.array() != 0 || w.length(true) >= 0) {
				w.fail()
			}
			w.tags()
		}
		w.tags()
	}
	s.throttleAt = w.at
	w.span(4)
	w.tags()
	return marks, w.complete()
}

// walkTopic reads the id, or the name, which must be the tenant's, of a topic in a response.
func (s *slot) walkTopic(w *walker, byID bool, marks []mark) []mark {
	if byID {
		w.span(16)
		return marks
	}
	name, at := w.text()
	prefix := string(s.session.prefix)
	if len(name) < len(prefix) || string(name[:len(prefix)]) != prefix {
		w.fail()
	}
	return append(marks, at)
}

func finishRawProduce(s *slot, r kmsg.Response) (kmsg.Response, error) {
	return r, finishProduce(s.session, r.(*kmsg.ProduceResponse), nil, nil)
}
