package gateway

import (
	"context"
	"errors"
	"sync"
)

// sharedRequest asks one question for many connections at once: at most one request is on its way, and at most one
// more waits to follow it. Who asks while one is on its way waits for the next one, because the answer on its way may
// be older than something that the asker has already seen. The zero value is not ready; see newSharedRequest.
type sharedRequest[V any] struct {
	ask  func(context.Context) (V, error)
	turn chan struct{} // held by the request that is on its way

	mu      sync.Mutex
	waiting *sharedAnswer[V] // nil: who comes next begins one
}

// sharedAnswer is the result of one request, valid once done is closed. It is read by many.
type sharedAnswer[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// errAskerLeft is the end of a request whose asker left before it; whoever shared it asks again.
var errAskerLeft = errors.New("the connection that asked has ended")

func newSharedRequest[V any](ask func(context.Context) (V, error)) *sharedRequest[V] {
	return &sharedRequest[V]{ask: ask, turn: make(chan struct{}, 1)}
}

// get returns an answer to a request that was sent after the call. The value is shared: it must not be changed.
func (r *sharedRequest[V]) get(ctx context.Context) (V, error) {
	for {
		r.mu.Lock()
		answer, mine := r.waiting, false
		if answer == nil {
			answer, mine = &sharedAnswer[V]{done: make(chan struct{})}, true
			r.waiting = answer
		}
		r.mu.Unlock()
		if mine {
			r.send(ctx, answer)
			return answer.value, answer.err
		}
		select {
		case <-answer.done:
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		}
		if !errors.Is(answer.err, errAskerLeft) {
			return answer.value, answer.err
		}
	}
}

// send asks, with the context of the connection that came first, when the request before is answered.
func (r *sharedRequest[V]) send(ctx context.Context, answer *sharedAnswer[V]) {
	defer close(answer.done)
	answer.err = errAskerLeft // where asking ends with a fault, too
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
	}
	r.mu.Lock()
	r.waiting = nil // from here on nobody joins
	r.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	value, err := r.ask(ctx)
	if err != nil && ctx.Err() != nil {
		err = errAskerLeft
	}
	answer.value, answer.err = value, err
}
