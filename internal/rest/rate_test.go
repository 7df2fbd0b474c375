package rest

import (
	"fmt"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRates(2, 4, func() time.Time { return now })
	for remaining := 3; remaining >= 0; remaining-- {
		got := r.take("a")
		if !got.allowed || got.remaining != remaining || got.limit != 4 {
			t.Fatalf("got %+v, want %d remaining of 4", got, remaining)
		}
	}
	got := r.take("a")
	if got.allowed || got.remaining != 0 || got.reset != 2 || got.retryAfter != 1 {
		t.Fatalf("got %+v from an empty bucket; want a refusal, 2 s until it is full, and a second to wait", got)
	}
	if !r.take("b").allowed {
		t.Fatal("one key's requests count for another")
	}
	now = now.Add(500 * time.Millisecond)
	if !r.take("a").allowed || r.take("a").allowed {
		t.Fatal("half a second must bring one token at 2 a second")
	}
	now = now.Add(time.Hour)
	if got := r.take("a"); got.remaining != 3 {
		t.Fatalf("%d tokens remain after an hour; the bucket holds 4", got.remaining)
	}
	now = now.Add(-time.Minute)
	if !r.take("a").allowed {
		t.Fatal("a clock that went back took tokens away")
	}
}

func TestRatesAreBounded(t *testing.T) {
	r := newRates(1, 1, time.Now)
	for i := range maxBuckets + 100 {
		r.take(fmt.Sprint(i))
	}
	if len(r.buckets) != maxBuckets || r.recent.Len() != maxBuckets {
		t.Fatalf("%d and %d buckets are kept; at most %d may be", len(r.buckets), r.recent.Len(), maxBuckets)
	}
	if _, ok := r.buckets["0"]; ok {
		t.Fatal("the bucket that was idle longest was kept")
	}
}
