package inproc

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// create makes the directory, chooses the addresses and stores both, in that order: what is not in the record
// does not exist.
func (s *Substrate) create(id string, spec orrery.PSCSpec) error {
	if err := book.CheckID(id); err != nil {
		return err
	}
	if err := checkSpec(spec); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if c, ok := s.clusters[id]; ok {
		return c.damage()
	}
	c := s.newCluster(id)
	c.record = book.Record{Format: book.Format, ID: id, Spec: spec, CreatedAt: s.config.Now().UTC()}
	if spec.Gateways {
		reserved := map[int]bool{}
		for _, other := range s.clusters {
			for _, port := range book.PortsOf(other.record.Endpoints) {
				reserved[port] = true
			}
		}
		ports, err := s.ports.Choose(spec.Brokers+2, reserved)
		if err != nil {
			return err
		}
		c.record.Endpoints = s.ports.Endpoints(ports)
	}
	if err := s.book.Add(id, c.record); err != nil {
		return err
	}
	s.clusters[id] = c
	return nil
}

// maxBrokers bounds the nodes of one cluster; their names are made of ports.
const maxBrokers = 100

func checkSpec(spec orrery.PSCSpec) error {
	switch {
	case spec.Engine != orrery.EngineEmbedded:
		return orrery.Errorf(orrery.UnsupportedValue, "the engine %q cannot run inside this process; only %q can", spec.Engine, orrery.EngineEmbedded)
	case spec.Brokers < 1 || spec.Brokers > maxBrokers:
		return orrery.Errorf(orrery.Invalid, "a physical cluster has 1 to %d brokers, and the spec says %d", maxBrokers, spec.Brokers)
	}
	return nil
}

// delete stops everything of a cluster and removes its directory.
func (s *Substrate) delete(c *cluster) error {
	if err := c.shut(); err != nil {
		return err
	}
	c.mu.Lock()
	c.deleted = true
	c.mu.Unlock()
	if err := s.book.Remove(c.id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clusters, c.id)
	return nil
}
