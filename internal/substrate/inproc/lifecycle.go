package inproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// create makes the directory, chooses the addresses and stores both, in that order: what is not in the record
// does not exist.
func (s *Substrate) create(id string, spec orrery.PSCSpec) error {
	if !validID.MatchString(id) {
		return orrery.Errorf(orrery.Invalid, "%q is not the id of a physical cluster", id)
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
	c.record = record{Format: recordFormat, ID: id, Spec: spec, CreatedAt: s.config.Now().UTC()}
	if spec.Gateways {
		reserved := map[int]bool{}
		for _, other := range s.clusters {
			for _, port := range other.record.ports() {
				reserved[port] = true
			}
		}
		var err error
		if c.record.Endpoints, err = s.chooseEndpoints(spec.Brokers, reserved); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of %s: %w", id, err)
	}
	if err := errors.Join(c.record.write(c.dir), durable.SyncDirectory(s.config.Dir)); err != nil {
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

// delete stops everything of a cluster and removes its directory, which first gets another name: a crash leaves
// either the cluster or rubbish, never half a cluster.
func (s *Substrate) delete(c *cluster) error {
	if err := c.shut(); err != nil {
		return err
	}
	c.mu.Lock()
	c.deleted = true
	c.mu.Unlock()
	rubbish := filepath.Join(s.config.Dir, deletedPrefix+c.id)
	err := os.RemoveAll(rubbish)
	if err == nil {
		err = os.Rename(c.dir, rubbish)
	}
	if err == nil {
		err = errors.Join(durable.SyncDirectory(s.config.Dir), os.RemoveAll(rubbish))
	}
	if err != nil {
		return fmt.Errorf("removing the data of %s: %w", c.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clusters, c.id)
	return nil
}
