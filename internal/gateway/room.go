package gateway

import "sync"

// room bounds how many rules of one kind a cluster has, by what tells them apart: in how many requests each of them is
// on its way into _orrery_acls. The zero value is ready.
type room[K comparable] struct {
	mu     sync.Mutex
	coming map[string]map[K]int // by lkc-…
}

// reserve takes room for rules of a cluster, unless there would be too many. It returns how many the cluster has and how
// many these would add. The room is given back once they are in force. What is in force, of which there are size, is
// asked for under the lock: a rule that is not on its way any more is in force then, and one that is both counts once.
func (r *room[K]) reserve(inForce func() (size int, there func(K) bool), logicalClusterID string, ids []K, most int64) (has, added int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	has, there := inForce()
	coming := r.coming[logicalClusterID]
	for id := range coming {
		if !there(id) {
			has++
		}
	}
	for _, id := range ids {
		if !there(id) && coming[id] == 0 {
			added++
		}
	}
	if added > 0 && int64(has+added) > most {
		return has, added, false
	}
	if coming == nil {
		coming = map[K]int{}
		if r.coming == nil {
			r.coming = map[string]map[K]int{}
		}
		r.coming[logicalClusterID] = coming
	}
	for _, id := range ids {
		coming[id]++
	}
	return has, added, true
}

func (r *room[K]) release(logicalClusterID string, ids []K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	coming := r.coming[logicalClusterID]
	for _, id := range ids {
		if coming[id]--; coming[id] <= 0 {
			delete(coming, id)
		}
	}
	if len(coming) == 0 {
		delete(r.coming, logicalClusterID)
	}
}
