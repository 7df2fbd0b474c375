package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

const (
	goalResident = 500e6 // bytes, with all connections
	maxResident  = 1e9   // more is an error
	// What a process may keep when all its clients have left: goroutines, files, and bytes of heap.
	slackGoroutines, slackFiles, slackHeap = 20, 20, 32e6
	openers                                = 32 // at once
	churners                               = 16
)

// manyConnections measures memory with idle connections and looks for leaks after them and after a churn.
func (b *bench) manyConnections(ctx context.Context) (section string, err error) {
	w, err := b.openWorld(ctx, contents{engine: kafkatest.Embedded, tenants: b.embedded, keys: 1, topics: 1})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	base, err := w.gateway.usage(true)
	if err != nil {
		return "", err
	}
	b.say("before the first connection: %v", base)
	rows := [][]string{{"before the first connection", base.String(), ""}}
	add := func(what, found, goal string) {
		b.say("%s: %s", what, found)
		rows = append(rows, []string{what, found, goal})
	}
	began := time.Now()
	clients, err := w.connectMany(ctx, b.sizes.connections)
	if err != nil {
		return "", errors.Join(err, closeAll(clients))
	}
	took := time.Since(began)
	idle, err := w.gateway.usage(false)
	if err == nil && idle.Resident > maxResident {
		err = fmt.Errorf("%d idle connections take %v", len(clients), idle)
	}
	if err != nil {
		return "", errors.Join(err, closeAll(clients))
	}
	add(fmt.Sprintf("%d idle connections, TLS and authenticated", len(clients)), fmt.Sprintf("%v; %.0f kB resident each; %.0f connections/s opened",
		idle, float64(idle.Resident-base.Resident)/float64(len(clients))/1e3, float64(len(clients))/took.Seconds()), "resident under "+megabytes(goalResident))
	asked, err := w.askAll(clients)
	err = errors.Join(err, closeAll(clients))
	if err != nil {
		return "", err
	}
	add("the same when each has asked its broker once", asked.String(), "")
	after, err := w.awaitBase(ctx, base)
	if err != nil {
		return "", fmt.Errorf("after %d connections: %w", len(clients), err)
	}
	add("when they have left", after.String(), "as before")
	churned, err := w.churn(ctx, b.churn)
	if err != nil {
		return "", err
	}
	if after, err = w.awaitBase(ctx, base); err != nil {
		return "", fmt.Errorf("after %v: %w", churned, err)
	}
	add(fmt.Sprintf("after a churn of %v", b.churn), fmt.Sprintf("%v; %v", after, churned), "as before")
	return "One gateway with " + fmt.Sprint(b.embedded) + " tenants on the embedded engine; the load is another process.\n\n" +
		measured.Table([]string{"what", "the gateway's process", "goal"}, rows), nil
}

func (w *world) connectMany(ctx context.Context, n int) ([]*wire, error) {
	var mu sync.Mutex
	var clients []*wire
	working, ctx := errgroup.WithContext(ctx)
	working.SetLimit(openers)
	for i := range n {
		working.Go(func() error {
			client, err := w.connect(ctx, w.tenants[i%len(w.tenants)])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			clients = append(clients, client)
			return nil
		})
	}
	return clients, working.Wait()
}

func closeAll(clients []*wire) error {
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// askAll makes the gateway connect to the broker for each client, and returns what it uses then.
func (w *world) askAll(clients []*wire) (usage, error) {
	for _, c := range clients {
		if _, err := c.ask(metadataOf(topicName(0))); err != nil {
			return usage{}, err
		}
	}
	return w.gateway.usage(false)
}

// awaitBase waits until the gateway uses what it did before there were clients.
func (w *world) awaitBase(ctx context.Context, base usage) (now usage, err error) {
	err = eventually(ctx, func() error {
		var err error
		if now, err = w.gateway.usage(true); err != nil {
			return err
		}
		if now.Goroutines > base.Goroutines+slackGoroutines || now.Files > base.Files+slackFiles || now.Heap > base.Heap+slackHeap {
			return fmt.Errorf("it leaks: %v instead of %v", now, base)
		}
		return nil
	})
	return now, err
}

// visits count the connections of a churn by how they ended.
type visits struct {
	asked, authenticated, handshakes, cut atomic.Int64
	took                                  time.Duration
}

func (v *visits) String() string {
	all := v.asked.Load() + v.authenticated.Load() + v.handshakes.Load() + v.cut.Load()
	return fmt.Sprintf("%d connections (%.0f/s): %d left after an answer, %d after authentication, %d after TLS, %d in the middle of a request",
		all, float64(all)/v.took.Seconds(), v.asked.Load(), v.authenticated.Load(), v.handshakes.Load(), v.cut.Load())
}

// churn opens and closes connections as fast as the machine can, for a while.
func (w *world) churn(ctx context.Context, d time.Duration) (*visits, error) {
	v := &visits{}
	began := time.Now()
	working, ctx := errgroup.WithContext(ctx)
	for n := range churners {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		working.Go(func() error {
			for time.Since(began) < d && ctx.Err() == nil {
				if err := w.visit(ctx, random, v); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := working.Wait()
	v.took = time.Since(began)
	return v, err
}

// visit is one connection; most ask something, and some leave at a bad moment.
func (w *world) visit(ctx context.Context, random *rand.Rand, v *visits) error {
	client, err := open(ctx, w.gateway.Address, w.tls)
	if err != nil {
		return err
	}
	defer client.close()
	way := random.IntN(10)
	if way == 0 {
		v.handshakes.Add(1)
		return nil
	}
	if err := client.logIn(w.tenants[random.IntN(len(w.tenants))].key); err != nil {
		return err
	}
	switch way {
	case 1:
		v.authenticated.Add(1)
		return nil
	case 2:
		v.cut.Add(1)
		request := client.formatter.AppendRequest(nil, metadataOf(topicName(0)), 1)
		_, err = client.conn.Write(request[:len(request)/2])
		return err
	}
	v.asked.Add(1)
	_, err = client.ask(metadataOf(topicName(0)))
	return err
}

// metadataOf asks for topics by name.
func metadataOf(topics ...string) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Version, request.Topics = 12, []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	return request
}
