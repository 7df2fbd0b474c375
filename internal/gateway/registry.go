package gateway

import (
	"hash/maphash"
	"maps"
)

// registryShards is so many that a change copies a few hundred entries where there are tens of thousands.
const registryShards = 256

var registrySeed = maphash.MakeSeed()

// registry is a map that is copied on write, a shard at a time, so that one change among many entries is cheap. A copy
// of the struct is a snapshot, as long as changes are made to an edition.
type registry[V any] struct {
	shards [registryShards]map[string]V
	size   int // entries
	// copied are the shards that belong to this edition alone; nil in a snapshot, which must not be changed.
	copied *[registryShards]bool
}

// edition returns a registry with the same entries that may be changed.
func (r *registry[V]) edition() registry[V] {
	return registry[V]{shards: r.shards, size: r.size, copied: new([registryShards]bool)}
}

func shardOf(key string) uint64 { return maphash.String(registrySeed, key) % registryShards }

func (r *registry[V]) get(key string) (V, bool) {
	v, ok := r.shards[shardOf(key)][key]
	return v, ok
}

// values returns all of them, in no order.
func (r *registry[V]) values() []V {
	all := make([]V, 0, r.size)
	for _, shard := range r.shards {
		for _, v := range shard {
			all = append(all, v)
		}
	}
	return all
}

func (r *registry[V]) put(key string, value V) {
	shard := r.own(shardOf(key))
	r.size -= len(shard)
	shard[key] = value
	r.size += len(shard)
}

func (r *registry[V]) remove(key string) {
	i := shardOf(key)
	if _, ok := r.shards[i][key]; ok {
		delete(r.own(i), key)
		r.size--
	}
}

// own returns a shard that may be changed.
func (r *registry[V]) own(i uint64) map[string]V {
	if !r.copied[i] {
		r.copied[i] = true
		if r.shards[i] = maps.Clone(r.shards[i]); r.shards[i] == nil {
			r.shards[i] = map[string]V{}
		}
	}
	return r.shards[i]
}
