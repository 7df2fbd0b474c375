package gateway

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// TopicVersions tells the gateways of one process, in front of the embedded engine's brokers, of one another's changes
// to topics: those brokers know the same topics at once, and nobody but gateways makes topics of tenants. Gateways
// with the same TopicVersions know when the list of a tenant's topics is still right. It may be used from several
// goroutines.
type TopicVersions struct {
	seed    maphash.Seed
	tenants [topicVersionStripes]topicVersion
}

// topicVersionStripes bounds the memory: tenants in the same stripe share a version.
const topicVersionStripes = 1 << 8

type topicVersion struct {
	mu      sync.Mutex
	version int64
	open    int // changes that are on their way
	// lost is until when a change may still happen whose connection ended before its answer.
	lost time.Time
}

// NewTopicVersions is for all gateways of one physical cluster.
func NewTopicVersions() *TopicVersions { return &TopicVersions{seed: maphash.MakeSeed()} }

func (v *TopicVersions) of(tenant string) *topicVersion {
	return &v.tenants[maphash.String(v.seed, tenant)%topicVersionStripes]
}

// version returns the version of a tenant's topics. It is not known while a change is on its way.
func (v *TopicVersions) version(tenant string, now time.Time) (version int64, known bool) {
	t := v.of(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version, t.open == 0 && !now.Before(t.lost)
}

// change says that a request is on its way that changes a tenant's topics. The function that it returns says that the
// broker has answered. The end of the connection's context before that means that nobody will hear of it.
func (v *TopicVersions) change(connection context.Context, tenant string, now func() time.Time) (answered func()) {
	t := v.of(tenant)
	t.mu.Lock()
	t.open++
	t.mu.Unlock()
	end := sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.version++
		t.open--
	})
	stop := context.AfterFunc(connection, func() {
		t.mu.Lock()
		t.lost = now().Add(grantLife)
		t.mu.Unlock()
		end()
	})
	return func() {
		stop()
		end()
	}
}

// changingTopics says that a request is forwarded that changes the tenant's topics; see TopicVersions.change.
func (s *session) changingTopics(ctx context.Context) (answered func()) {
	if s.gateway.config.Topics == nil {
		return func() {}
	}
	return s.gateway.config.Topics.change(ctx, s.LogicalClusterID, s.gateway.config.Now)
}
