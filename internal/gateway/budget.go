package gateway

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// budget bounds the bytes that large requests, or large responses, may hold at once: those of all tenants, or those of
// one, which has a part of the whole.
type budget struct {
	most  int64
	bytes *semaphore.Weighted
}

func newBudget(most int64) *budget { return &budget{most, semaphore.NewWeighted(most)} }

// part makes what one tenant may have of a budget: a quarter.
func (b *budget) part() *budget { return newBudget(max(b.most/4, 1)) }

// reservation are bytes of a budget, and of a tenant's part of it. The zero one is none.
type reservation struct {
	whole, part    *budget
	inAll, ofOwner int64
}

// reserve waits for bytes of a budget and of the part of it that is the owner's. What is larger than one of them takes
// all of it, and so is alone. Who waits for the whole holds of the part only, for which nobody else's waits.
func (b *budget) reserve(ctx context.Context, part *budget, bytes int64) (reservation, error) {
	if bytes == 0 {
		return reservation{}, nil
	}
	r := reservation{b, part, min(bytes, b.most), min(bytes, part.most)}
	if err := part.bytes.Acquire(ctx, r.ofOwner); err != nil {
		return reservation{}, context.Cause(ctx)
	}
	if err := b.bytes.Acquire(ctx, r.inAll); err != nil {
		part.bytes.Release(r.ofOwner)
		return reservation{}, context.Cause(ctx)
	}
	return r, nil
}

// release gives the bytes back.
func (r reservation) release() {
	if r.whole == nil {
		return
	}
	r.whole.bytes.Release(r.inAll)
	r.part.bytes.Release(r.ofOwner)
}
