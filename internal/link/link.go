// Package link is the port between mothership and satellites: desired state down, actual state up.
//
// Each satellite has two compacted logs, desired and status, of messages keyed kind/id. Delivery is at least
// once and, after a restart, from the beginning of what compaction left; messages may repeat and an old one may
// arrive late, so a receiver compares generations and never trusts order. The adapters are kafka (topics
// desired.SAT and status.SAT) and mem; linktest is the suite that both must pass.
package link

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/orrery-kafka/orrery"
)

// WireVersion is the version of the envelope and of the contents that this program writes. A receiver takes any
// version and keeps fields that it does not know.
//
//   - 1 (2026-11-22): first.
const WireVersion = 1

// Message is one record on the link.
type Message struct {
	SatelliteID string            `json:"-"` // whose log; from the topic, not from the record
	Version     int               `json:"version"`
	Kind        string            `json:"kind"`
	ID          string            `json:"id"`
	Generation  orrery.Generation `json:"generation"`
	// Deleted asks for removal. Absence never does.
	Deleted bool `json:"deleted,omitempty"`
	// Content is the kind's own document: desired content, or an orrery.Status. It is passed on as it is, so
	// fields unknown to this program survive.
	Content json.RawMessage `json:"content,omitempty"`
	// Tombstone removes the record from the log. Only the sender of a desired record sends it, after the status
	// said that nothing is left. A received tombstone has Kind and ID only.
	Tombstone bool `json:"-"`
}

// Key returns KIND/ID, the record's key.
func (m Message) Key() string { return m.Kind + "/" + m.ID }

// ErrFenced is returned by Send when a newer sender has taken over. It is final: the process must not go on as
// a mothership.
var ErrFenced = errors.New("link: a newer mothership has taken over; this one is fenced")

// MaxMessage bounds a message, in bytes of its encoding. Send refuses a larger one, Receive skips and counts it.
const MaxMessage = 1 << 20

// Sender writes to one side of the link.
type Sender interface {
	// Send appends messages to one satellite's log, all or none, and returns once they are durable.
	Send(ctx context.Context, satelliteID string, messages []Message) error
}

// Receiver reads one side of the link.
type Receiver interface {
	// Receive returns the messages that arrived since the last call, at most limit, without waiting for any. A
	// message that cannot be decoded is skipped and counted.
	Receive(ctx context.Context, limit int) ([]Message, error)
	// CaughtUp reports whether everything that was in the log when the receiver was opened has been returned.
	CaughtUp() bool
}
