package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-kafka/orrery/internal/poll"
)

// Whoever asks gets an answer to a request that was sent after that, and two requests are enough for any number.
func TestSharedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, running := 0, 0
		r := newSharedRequest(func(context.Context) (int, error) {
			sent++
			running++
			n := sent
			if running > 1 {
				t.Error("two requests at once")
			}
			time.Sleep(time.Second)
			running--
			return n, nil
		})
		var all sync.WaitGroup
		get := func(want int) {
			all.Go(func() {
				if got, err := r.get(t.Context()); err != nil || got != want {
					t.Errorf("got answer %d, %v; want %d", got, err, want)
				}
			})
		}
		get(1)
		synctest.Wait()
		for range 100 {
			get(2) // the first is on its way
		}
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond)
		for range 100 {
			get(3) // now the second is
		}
		all.Wait()
		if sent != 3 {
			t.Errorf("%d requests for 201 that asked", sent)
		}
	})
}

// A connection that ends takes nobody's answer with it.
func TestSharedRequestOfOneThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		r := newSharedRequest(func(ctx context.Context) (int, error) {
			sent++
			select {
			case <-time.After(time.Second):
				return sent, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		})
		for _, whileWaiting := range []bool{false, true} {
			var all sync.WaitGroup
			if whileWaiting {
				all.Go(func() { r.get(t.Context()) })
				synctest.Wait()
			}
			leaving, leave := context.WithCancel(t.Context())
			all.Go(func() {
				if _, err := r.get(leaving); err == nil {
					t.Error("who left got an answer")
				}
			})
			synctest.Wait()
			all.Go(func() {
				if got, err := r.get(t.Context()); err != nil || got == 0 {
					t.Errorf("who stayed got %d, %v", got, err)
				}
			})
			synctest.Wait()
			leave()
			all.Wait()
		}
	})
}

func TestSharedRequestFails(t *testing.T) {
	broken := errors.New("broken")
	r := newSharedRequest(func(context.Context) (int, error) { return 0, broken })
	for range 2 {
		if _, err := r.get(t.Context()); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTopicVersions(t *testing.T) {
	v, start := NewTopicVersions(), time.Unix(1000, 0)
	now := func() time.Time { return start }
	const tenant = "lkc-aaaaaa"
	at := func(later time.Duration, wantVersion int64, wantKnown bool) {
		t.Helper()
		if version, known := v.version(tenant, start.Add(later)); known != wantKnown || known && version != wantVersion {
			t.Errorf("version %d, known %v; want %d, %v", version, known, wantVersion, wantKnown)
		}
	}
	at(0, 0, true)
	first := v.change(t.Context(), tenant, now)
	second := v.change(t.Context(), tenant, now)
	at(0, 0, false)
	first()
	first()
	at(0, 0, false)
	second()
	at(0, 2, true)

	connection, end := context.WithCancel(t.Context())
	answered := v.change(connection, tenant, now)
	end()
	poll.Until(t, "the end of the context to be told", func() bool {
		_, known := v.version(tenant, start.Add(grantLife))
		return known
	})
	answered()
	at(grantLife-1, 0, false)
	at(grantLife, 3, true)
}

func TestTopicListsAreBounded(t *testing.T) {
	var l topicLists
	const size = maxListedTopics / 4
	for i := range 10 {
		key := topicListKey{fmt.Sprint("lkc-", i), 0}
		l.put(key, topicList{version: 7, topics: make([]topic, size)})
		l.put(key, topicList{version: 8, topics: make([]topic, size)})
		if _, ok := l.get(key, 7); ok {
			t.Error("an older list is still there")
		}
		if got, ok := l.get(key, 8); !ok || len(got) != size {
			t.Errorf("what was just put is gone")
		}
	}
	l.put(topicListKey{"lkc-large", 0}, topicList{version: 1, topics: make([]topic, maxListedTopics+1)})
	sum := 0
	for _, list := range l.lists {
		sum += len(list.topics)
	}
	if sum != l.size || sum > maxListedTopics {
		t.Errorf("%d topics are kept, %d counted", sum, l.size)
	}
	if len(l.lists) != 4 {
		t.Errorf("%d lists", len(l.lists))
	}
}
