package kafka

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// hedge is after how long without an answer the next broker is asked the same.
	hedge = time.Second
	// rounds is how often all brokers are asked that fail at once: a connection may have broken while nobody used it.
	rounds = 4
)

// ask sends a request that any broker can answer, and that may arrive twice, to the broker that answered last. Where that
// fails the next one is asked, and where it says nothing for a while the next one too: a broker that hangs is when a view
// is needed most.
func ask[Response kmsg.Response](ctx context.Context, c *Cluster, request interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (Response, error)
}) (Response, error) {
	var none Response
	answer, err := c.askAny(ctx, request)
	if err != nil {
		return none, err
	}
	response, ok := answer.(Response)
	if !ok {
		return none, fmt.Errorf("%s was answered with a %T", kmsg.NameForKey(request.Key()), answer)
	}
	return response, nil
}

// askAny is ask for a request of any kind.
func (c *Cluster) askAny(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var last error
	for round := range rounds {
		if round > 0 && pause(ctx, backoff(round)) != nil {
			break
		}
		response, err := c.askAll(ctx, request)
		if err == nil {
			return response, nil
		}
		if last = err; errors.Is(err, kgo.ErrClientClosed) {
			break
		}
	}
	return nil, errors.Join(context.Cause(ctx), last)
}

// askAll asks one broker after the other until one has answered.
func (c *Cluster) askAll(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	type answer struct {
		seed     int
		response kmsg.Response
		err      error
	}
	seeds := c.client.SeedBrokers()
	first := int(c.answered.Load())
	answers := make(chan answer, len(seeds))
	asked, failed := 0, 0
	next := func() {
		seed := (first + asked) % len(seeds)
		asked++
		own := copyOf(request)
		go func() {
			response, err := seeds[seed].Request(ctx, own)
			answers <- answer{seed, response, err}
		}()
	}
	patience := time.NewTicker(hedge)
	defer patience.Stop()
	var last error
	for failed < len(seeds) {
		if asked == failed {
			next()
		}
		select {
		case a := <-answers:
			if a.err == nil {
				c.answered.Store(int32(a.seed))
				return a.response, nil
			}
			failed++
			last = a.err
		case <-patience.C:
			if asked < len(seeds) {
				next()
			}
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), last)
		}
	}
	return nil, last
}

// copyOf returns the request for one broker: a client writes the version that it agreed on into it.
func copyOf(request kmsg.Request) kmsg.Request {
	own := reflect.New(reflect.TypeOf(request).Elem())
	own.Elem().Set(reflect.ValueOf(request).Elem())
	return travelling(own.Interface().(kmsg.Request))
}

// slow is a request that a broker hands on to a controller, which may hang. Until that is answered, Kafka answers nothing
// else on its connection; so the client is told that it takes time, which gives it another connection, and one that is
// closed when nobody waits for the answer any more.
type slow struct{ kmsg.Request }

// Timeout makes it a kmsg.TimeoutRequest; it is in milliseconds.
func (slow) Timeout() int32 { return int32(controllerTimeout.Milliseconds()) }

// travelling returns the request as it is to be sent.
func travelling(request kmsg.Request) kmsg.Request {
	switch request.(type) {
	case *kmsg.DescribeQuorumRequest, *kmsg.RemoveRaftVoterRequest, *kmsg.UnregisterBrokerRequest, *kmsg.IncrementalAlterConfigsRequest, *kmsg.CreateACLsRequest:
		return slow{request}
	}
	return request // the others that are handed on have a timeout, or are not handed on
}
