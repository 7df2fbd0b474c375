// Package kafka is the link as Kafka topics: for each satellite the compacted topics desired.SAT and status.SAT,
// one partition each, keyed KIND/ID, with the JSON envelope of package link as value.
//
// Sending is one Kafka transaction per Send, so it is all or none, with one transactional id per topic
// (orrery-desired-SAT, orrery-status-SAT). Opening takes the id over: whoever held it is fenced by the
// transaction coordinator, and its every Send from then on fails with [link.ErrFenced]. That holds for a
// satellite as for a mothership: two processes that believe to be the same satellite never mix their reports.
//
// The transaction protocol is spoken here, request by request, rather than by kgo's producer, for two reasons.
// kgo has one transactional id per client, which is a set of connections per satellite; here all share one
// client. And kgo takes a transactional id over again when a network error left it in doubt, which on an engine
// that does not check who asks (the embedded one) would turn a fenced sender into a fencing one; here a sender
// asks whether it is still the holder first.
//
// Receiving is in the background: one goroutine reads what is committed, from the beginning, and keeps the
// newest message of each key until Receive hands it out, so what is held is bounded by [maxPending] and reading
// pauses at that. A topic that was deleted and made again is read from its beginning.
//
// Requests that a broker does not answer end with their context or after [callTimeout], whatever comes first;
// reading goes on by itself when the brokers are back.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/link"
)

// callTimeout bounds every call that talks to the brokers, if its context does not.
const callTimeout = 30 * time.Second

// Config says how to reach the control plane's Kafka.
type Config struct {
	Seeds []string // HOST:PORT of some brokers
	// Dial opens every connection; nil dials TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger gets what goes wrong in the background; nil drops it.
	Logger *slog.Logger
	// Arrived is called from the background after new messages are ready to Receive. It must not block. May be
	// nil.
	Arrived func()
}

// Link is one end of the link, a [link.Sender] and a [link.Receiver]. It is safe for concurrent use.
type Link struct {
	client *kgo.Client
	admin  *kadm.Client
	// toTopic and fromTopic are the prefixes of what this end writes and reads.
	toTopic, fromTopic string
	inbox              *inbox
	// open lasts until Close.
	open    context.Context
	end     context.CancelFunc
	reading sync.WaitGroup
	fenced  atomic.Bool

	adding     sync.Mutex // held while a satellite is added
	mu         sync.Mutex // guards publishers
	publishers map[string]*publisher
}

var (
	_ link.Sender   = (*Link)(nil)
	_ link.Receiver = (*Link)(nil)
)

const (
	desiredPrefix = "desired."
	statusPrefix  = "status."
)

// OpenMothership opens the mothership's end for the given satellites: Send writes desired state, Receive reads
// status. It makes the topics that are missing and fences any other mothership that has these satellites.
func OpenMothership(ctx context.Context, config Config, satelliteIDs ...string) (*Link, error) {
	return open(ctx, config, "orrery-mothership", desiredPrefix, statusPrefix, satelliteIDs)
}

// OpenSatellite opens the end of one satellite: Send writes status, Receive reads desired state. It makes the
// topics if they are missing and fences any other process that has the same id.
func OpenSatellite(ctx context.Context, config Config, satelliteID string) (*Link, error) {
	return open(ctx, config, "orrery-satellite-"+satelliteID, statusPrefix, desiredPrefix, []string{satelliteID})
}

func open(ctx context.Context, config Config, clientID, toTopic, fromTopic string, satelliteIDs []string) (*Link, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	client, err := newClient(config, clientID)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	lifetime, end := context.WithCancel(context.Background())
	l := &Link{
		client: client, admin: kadm.NewClient(client), toTopic: toTopic, fromTopic: fromTopic,
		inbox: newInbox(config), open: lifetime, end: end, publishers: map[string]*publisher{},
	}
	for _, id := range slices.Sorted(slices.Values(satelliteIDs)) {
		if err := l.AddSatellite(ctx, id); err != nil {
			l.Close()
			return nil, err
		}
	}
	l.reading.Go(func() { l.read(lifetime) })
	return l, nil
}

// AddSatellite adds a satellite's two topics, makes them if they are missing, and takes over the one that this
// end writes. Adding one again does nothing. A sender that is fenced on a satellite that it had before learns it
// here, instead of taking over another topic.
func (l *Link) AddSatellite(ctx context.Context, satelliteID string) error {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	l.adding.Lock()
	defer l.adding.Unlock()
	if known, held := l.publisher(satelliteID); known != nil {
		return nil
	} else if held != nil {
		if err := held.verify(ctx); err != nil {
			return l.sent(held, err)
		}
	}
	to, from := l.toTopic+satelliteID, l.fromTopic+satelliteID
	end, err := l.prepare(ctx, to, from)
	if err != nil {
		return fmt.Errorf("link: preparing the topics of satellite %s: %w", satelliteID, err)
	}
	p := newPublisher(l.client, l.admin, to)
	if err := p.open(ctx); err != nil {
		return fmt.Errorf("link: taking over topic %s: %w", to, err)
	}
	l.mu.Lock()
	l.publishers[satelliteID] = p
	l.mu.Unlock()
	l.inbox.follow(from, satelliteID, end)
	l.client.AddConsumeTopics(from)
	return nil
}

// prepare makes the topics and returns where the second one ends. A topic that was just made has no leader for a
// moment.
func (l *Link) prepare(ctx context.Context, to, from string) (end int64, err error) {
	for failures := 1; ; failures++ {
		if err = createTopics(ctx, l.client, to, from); err == nil {
			if end, err = committedEnd(ctx, l.client, from); err == nil {
				return end, nil
			}
		}
		if final(err) {
			return 0, err
		}
		if pause(ctx, backoff(failures)) != nil {
			return 0, fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		}
	}
}

// publisher returns the publisher of a satellite, or nil, and any that there is.
func (l *Link) publisher(satelliteID string) (known, held *publisher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held = range l.publishers {
		break
	}
	return l.publishers[satelliteID], held
}

// Send appends messages to the topic of a satellite in one transaction; see [link.Sender]. An error other than
// ErrFenced and one about a message leaves open whether the messages were appended; all were or none. While the
// brokers are away it tries again until ctx ends or callTimeout is over.
func (l *Link) Send(ctx context.Context, satelliteID string, messages []link.Message) error {
	if l.fenced.Load() {
		return link.ErrFenced
	}
	p, _ := l.publisher(satelliteID)
	if p == nil {
		return fmt.Errorf("link: satellite %s is not on this end of the link", satelliteID)
	}
	batches, err := encode(messages)
	if err != nil || len(batches) == 0 {
		return err
	}
	ctx, cancel := l.bound(ctx)
	defer cancel()
	return l.sent(p, p.send(ctx, batches))
}

// bound ends ctx after callTimeout and when the end is closed.
func (l *Link) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	stop := context.AfterFunc(l.open, cancel)
	return ctx, func() { stop(); cancel() }
}

// sent remembers for the whole end that it is fenced: a mothership that lost one satellite has lost them all.
func (l *Link) sent(p *publisher, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, link.ErrFenced):
		l.fenced.Store(true)
		return err
	default:
		return fmt.Errorf("link: sending to topic %s: %w", p.topic, err)
	}
}

// Receive returns at most limit messages; see [link.Receiver]. An error is one that reading met since the last
// call and that does not pass by itself, such as a missing permission.
func (l *Link) Receive(_ context.Context, limit int) ([]link.Message, error) {
	return l.inbox.take(limit)
}

// CaughtUp reports whether all that was in the logs when they were added has been returned by Receive.
func (l *Link) CaughtUp() bool { return l.inbox.caughtUp() }

// Skipped returns how many records were skipped since the start because they could not be decoded.
func (l *Link) Skipped() int64 { return l.inbox.skipped.Load() }

// Close ends reading and closes the connections. A Send that is under way fails.
func (l *Link) Close() {
	l.end()
	l.inbox.close()
	l.reading.Wait()
	l.client.Close()
}
