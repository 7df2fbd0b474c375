package gateway

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchSessionCloser closes at the broker what connections that have ended left open there. A broker keeps 1,000
// sessions and throws idle ones out only for new ones, so without it a tenant that connects again and again would
// take the sessions of others. A session counts for its tenant until it is closed. The closer runs, with one
// connection to the broker, only while there is something to close; the slots of the tenants bound its list.
type fetchSessionCloser struct {
	gateway *Gateway

	mu      sync.Mutex
	ended   []endedSession
	running bool
}

// endedSession is a session of a connection that has ended.
type endedSession struct {
	logicalClusterID string
	node             int32
	id               int32
}

const (
	// sessionCloseTimeout is for dialling the broker, and for each session.
	sessionCloseTimeout = 5 * time.Second
	// sessionCloseAttempts is how often the broker is tried, sessionCloseRetry apart: one that is away so long has
	// started again, without its sessions.
	sessionCloseAttempts = 30
	sessionCloseRetry    = time.Second
	// sessionEviction is after how long a broker may throw an idle session out for another one
	// (min.incremental.fetch.session.eviction.ms).
	sessionEviction = 2 * time.Minute
)

// add takes sessions, whose slots it gives back.
func (f *fetchSessionCloser) add(ended []endedSession) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, ended...)
	if f.running || len(f.ended) == 0 {
		return
	}
	if !f.gateway.begin() { // it stops, and counts no more
		f.ended = nil
		return
	}
	f.running = true
	go func() {
		defer f.gateway.running.Done()
		f.run()
	}()
}

// run closes sessions until there are none.
func (f *fetchSessionCloser) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-f.gateway.closed:
			cancel()
		case <-stop:
		}
	}()
	for {
		f.mu.Lock()
		ended := f.ended
		if f.ended = nil; len(ended) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		slices.SortStableFunc(ended, func(a, b endedSession) int { return int(a.node) - int(b.node) })
		for attempt := 1; len(ended) > 0; attempt++ {
			left, err := f.close(ctx, ended)
			for _, e := range ended[:len(ended)-len(left)] {
				f.gateway.giveFetchSession(e.logicalClusterID)
			}
			if ended = left; err == nil {
				continue
			}
			f.gateway.warn("cannot close fetch sessions at the broker; trying again", err)
			if attempt == sessionCloseAttempts || sleep(ctx, sessionCloseRetry) != nil {
				for _, e := range ended {
					f.gateway.giveFetchSession(e.logicalClusterID)
				}
				ended = nil
			}
		}
	}
}

// close closes sessions at the node of the first one, and returns those that are left.
func (f *fetchSessionCloser) close(ctx context.Context, ended []endedSession) (left []endedSession, err error) {
	node := ended[0].node
	dialling, cancel := context.WithTimeout(ctx, sessionCloseTimeout)
	defer cancel()
	conn, err := f.gateway.config.DialBroker(dialling, node)
	if err != nil {
		return ended, fmt.Errorf("connecting to broker %d: %w", node, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := newWindow(conn)
	defer func() { in.release() }()
	for len(ended) > 0 && ended[0].node == node {
		if err := closeFetchSession(conn, &in, ended[0].id); err != nil {
			return ended, fmt.Errorf("closing a fetch session at broker %d: %w", node, err)
		}
		ended = ended[1:]
	}
	return ended, nil
}

// closeFetchSession sends a fetch of nothing that ends a session (KIP-227). Whatever the answer is, the session is
// gone.
func closeFetchSession(conn net.Conn, in *window, id int32) error {
	request := kmsg.NewPtrFetchRequest()
	request.Version = 11 // the last one with names that every broker knows
	request.SessionID, request.SessionEpoch = id, -1
	conn.SetDeadline(time.Now().Add(sessionCloseTimeout))
	if _, err := conn.Write(appendRequest(nil, request, id, "orrery-gateway")); err != nil {
		return err
	}
	size, _, err := in.header()
	if err != nil {
		return err
	}
	return in.body(make([]byte, size))
}
