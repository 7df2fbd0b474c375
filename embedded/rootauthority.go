package embedded

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// rootAuthority holds the root of DIR/pki, and brings what follows from it to where it is needed.
type rootAuthority struct {
	server *Server
	mu     sync.Mutex
	roots  *pki.Roots
	// signer is the root that signs now, for who must not wait for a step.
	signer atomic.Pointer[pki.Authority]
}

var _ mothership.RootAuthority = (*rootAuthority)(nil)

// openRoot opens the root and writes the CA file, which a crash may have left as it was before a step.
func (s *Server) openRoot() error {
	roots, err := pki.OpenRoots(s.directory.join("pki", "root"), time.Now())
	if err != nil {
		return err
	}
	s.root = &rootAuthority{server: s, roots: roots}
	s.root.signer.Store(roots.Signer())
	return writeFile(s.CAFile(), []byte(roots.Describe().CAFile), 0o644)
}

// Describe implements mothership.RootAuthority.
func (r *rootAuthority) Describe() orrery.RootAuthority {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roots.Describe()
}

// Step implements mothership.RootAuthority. What follows from a step is done whether or not it was made already, so
// that a step can be repeated after an error.
func (r *rootAuthority) Step(step orrery.RootStep) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.roots.Step(step, time.Now()); err != nil {
		return err
	}
	r.signer.Store(r.roots.Signer())
	s := r.server
	authority, err := s.openIntermediate(r.roots.Signer())
	if err != nil {
		return err
	}
	if err := errors.Join(s.substrate.UseAuthority(authority), writeFile(s.CAFile(), []byte(r.roots.Describe().CAFile), 0o644)); err != nil {
		return err
	}
	s.log.Info("a step of the root authority's replacement is made", "step", step, "phase", r.roots.Phase())
	return nil
}

// openIntermediate opens what the satellite signs with.
func (s *Server) openIntermediate(root *pki.Authority) (*pki.Authority, error) {
	id := s.directory.choices.SatelliteID
	return pki.OpenIntermediate(s.directory.join("pki", id), root, id, pki.Loopback(), time.Now())
}
