package gateway

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// fetchHead is where the fields of a Fetch request are that the gateway may change. They have a fixed size, so they
// are changed where they are.
type fetchHead struct {
	maxWait, maxBytes, session, epoch int
}

// rawFetch takes a Fetch request in which nothing is refused.
func rawFetch(c *connection, in *inbound) (taken bool, err error) {
	w, err := c.rawWalker(in)
	if w.failed || err != nil {
		return false, err
	}
	var head fetchHead
	marks := c.walkFetch(&w, in.version, &head)
	c.marks = keptMarks(marks)
	if !w.complete() {
		return false, nil
	}
	at := func(i int) int32 { return int32(binary.BigEndian.Uint32(w.frame[i:])) }
	put := func(i int, v int32) { binary.BigEndian.PutUint32(w.frame[i:], uint32(v)) }
	var use sessionUse
	if in.version >= 7 {
		id, epoch := at(head.session), at(head.epoch)
		var code int16
		if use, code = c.session.admitFetchSession(&id, &epoch, false); code != 0 {
			return false, nil
		}
		put(head.session, id)
		put(head.epoch, epoch)
	}
	put(head.maxWait, min(at(head.maxWait), maxFetchWaitMillis))
	put(head.maxBytes, min(at(head.maxBytes), c.maxFetchBytes()))
	return true, c.forwardRaw(in, use, w.flexible, true, marks)
}

func (c *connection) walkFetch(w *walker, version int16, head *fetchHead) []mark {
	if version < 15 && w.int32() != -1 {
		w.fail() // a replica
	}
	head.maxWait = w.at
	head.maxBytes = head.maxWait + 4 + 4
	w.span(4 + 4 + 4) // wait, least bytes, most bytes
	if level := w.span(1); len(level) == 1 && unknownIsolationLevel(int8(level[0])) {
		w.fail()
	}
	if version >= 7 {
		head.session, head.epoch = w.at, w.at+4
		w.span(4 + 4)
	}
	partition := fetchPartitionBytes(version)
	c.readable.under(c.session.policy())
	marks, ok := c.marks[:0], false
	for topics := w.array(); topics > 0 && !w.failed; topics-- {
		if marks, ok = c.mayUse(w, &c.readable, authz.Read, version >= 13, marks); !ok {
			w.fail()
		}
		for partitions := w.array(); partitions > 0 && !w.failed; partitions-- {
			w.span(partition)
			w.tags()
		}
		w.tags()
	}
	if version >= 7 {
		for topics := w.array(); topics > 0 && !w.failed; topics-- { // that leave the session
			if marks, ok = c.mayUse(w, &c.readable, authz.Read, version >= 13, marks); !ok {
				w.fail()
			}
			w.span(4 * w.array())
			w.tags()
		}
	}
	if version >= 11 {
		w.text() // the rack
	}
	w.tags()
	return marks
}

// fetchPartitionBytes is the size of a partition in a Fetch request: its index, the offset and the most bytes, and
// since v5 the log's start, v9 the leader's epoch, v12 the last epoch.
func fetchPartitionBytes(version int16) int {
	size := 4 + 8 + 4
	if version >= 5 {
		size += 8
	}
	if version >= 9 {
		size += 4
	}
	if version >= 12 {
		size += 4
	}
	return size
}

// fetchSettled is where a Fetch response (v7) has its error and the session's id: after the throttle time.
func (s *slot) fetchSettled() int {
	if s.version >= s.entry.lane.flexible {
		return 1 + 4
	}
	return 4
}

// settleRawFetch keeps what the broker says about the session.
func settleRawFetch(s *slot, frame []byte) {
	if s.version < 7 {
		return
	}
	at := s.fetchSettled()
	s.session.settleFetchSession(s.use, int16(binary.BigEndian.Uint16(frame[at:])), int32(binary.BigEndian.Uint32(frame[at+2:])))
}

// rawFetchResponse takes a response without new leaders and addresses.
func rawFetchResponse(s *slot, frame []byte, marks []mark) ([]mark, bool) {
	w := walker{frame: frame, flexible: s.version >= s.entry.lane.flexible, elements: maxElements}
	w.tags() // of the header
	s.throttleAt = w.at
	w.span(4)
	if s.version >= 7 {
		if w.int16() != 0 {
			w.fail()
		}
		w.span(4) // session
	}
	for topics := w.array(); topics > 0 && !w.failed; topics-- {
		marks = s.walkTopic(&w, s.version >= 13, marks)
		for partitions := w.array(); partitions > 0 && !w.failed; partitions-- {
			w.fetchedPartition(s.version)
		}
		w.tags()
	}
	w.tags()
	return marks, w.complete()
}

func (w *walker) fetchedPartition(version int16) {
	if head := w.span(fetchedBytes(version)); head != nil && binary.BigEndian.Uint16(head[4:]) != 0 {
		w.fail() // what went wrong is looked at
	}
	for aborted := w.length(false); aborted > 0 && !w.failed; aborted-- {
		w.span(8 + 8) // producer id, first offset
		w.tags()
	}
	if version >= 11 {
		w.span(4) // the replica to read from
	}
	w.span(max(w.length(false), 0)) // the records
	w.tags()
}

// fetchedBytes is what a partition of a Fetch response begins with: its index, the error, the high watermark, the
// last stable offset, and since v5 the log's start.
func fetchedBytes(version int16) int {
	if version >= 5 {
		return 4 + 2 + 8 + 8 + 8
	}
	return 4 + 2 + 8 + 8
}

func finishRawFetch(s *slot, r kmsg.Response) (kmsg.Response, error) {
	response := r.(*kmsg.FetchResponse)
	s.session.settleFetchSession(s.use, response.ErrorCode, response.SessionID)
	return r, finishFetch(s.session, response, nil)
}
