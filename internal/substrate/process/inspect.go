package process

import (
	"context"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

var _ substrate.Inspector = (*Substrate)(nil)

// Inspect says what processes the brokers of a cluster are.
func (s *Substrate) Inspect(_ context.Context, id string) ([]substrate.Process, error) {
	c, err := s.find(id)
	if err != nil || c == nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	var processes []substrate.Process
	for _, n := range slices.Sorted(maps.Keys(c.nodes)) {
		if n < orrery.FirstController {
			processes = append(processes, substrate.Process{Node: n, PID: c.nodes[n].pid(), Data: c.nodes[n].data()})
		}
	}
	return processes, nil
}

// pid is that of the process, 0 where there is none.
func (u *unit) pid() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.process == nil {
		return 0
	}
	return u.process.Identity().PID
}
