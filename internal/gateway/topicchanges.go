package gateway

import (
	"sync"
	"time"
)

// metadataLag is longer than a broker takes to learn what the controller did: Apache Kafka's answers a client first.
const metadataLag = 5 * time.Second

// topicChanges are what each tenant did to its topics through this gateway a moment ago, which the broker that
// counts them may not know yet. The zero value is ready. What a tenant can do in metadataLag bounds it.
type topicChanges struct {
	mu       sync.Mutex
	byTenant map[string]map[string]topicChange // lkc-… -> physical name ->
}

type topicChange struct {
	partitions int32 // 0: the topic was deleted
	at         time.Time
}

// add keeps that a topic (physical) now has so many partitions; 0 means that it was deleted.
func (c *topicChanges) add(tenant, physical string, partitions int32, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	if c.byTenant == nil {
		c.byTenant = map[string]map[string]topicChange{}
	}
	if c.byTenant[tenant] == nil {
		c.byTenant[tenant] = map[string]topicChange{}
	}
	c.byTenant[tenant][physical] = topicChange{partitions, now}
}

// complete corrects what a broker says about a tenant's topics.
func (c *topicChanges) complete(tenant string, topics map[string]int32, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	for name, change := range c.byTenant[tenant] {
		if change.partitions == 0 {
			delete(topics, name)
		} else {
			topics[name] = max(topics[name], change.partitions)
		}
	}
}

// forget drops what every broker knows by now. The caller holds the lock.
func (c *topicChanges) forget(now time.Time) {
	for tenant, changes := range c.byTenant {
		for name, change := range changes {
			if now.Sub(change.at) >= metadataLag {
				delete(changes, name)
			}
		}
		if len(changes) == 0 {
			delete(c.byTenant, tenant)
		}
	}
}

// changedTopic keeps that a topic (physical) of the session's tenant now has so many partitions, or 0: is gone.
func (s *session) changedTopic(physical string, partitions int32) {
	if s.prefix.Owns(physical) {
		s.gateway.changes.add(s.LogicalClusterID, physical, partitions, s.gateway.config.Now())
	}
}
