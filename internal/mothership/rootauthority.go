package mothership

import (
	"cmp"
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// RootAuthority is the service's own certificate authority, which the wiring holds: keys are files of a host, and never
// in the store. It is for concurrent use.
type RootAuthority interface {
	// Describe returns what it is.
	Describe() orrery.RootAuthority
	// Step makes a step of its replacement, and returns once every gateway presents what follows from it. A step that
	// was made already is no error.
	Step(orrery.RootStep) error
}

// errNoRoot is an installation whose certificates come from elsewhere.
var errNoRoot = orrery.Errorf(orrery.NotFound, "this installation has no certificate authority of its own")

// RootAuthority returns the service's own certificate authority.
func (m *Mothership) RootAuthority(ctx context.Context, actor Actor) (out orrery.RootAuthority, err error) {
	if err := m.view(ctx, actor, (*transaction).requirePlatform); err != nil {
		return out, err
	}
	if m.root == nil {
		return out, errNoRoot
	}
	return m.root.Describe(), nil
}

// StepRootAuthority makes a step of the replacement of the service's own certificate authority. The error is a Conflict
// for a step that is not the next one.
func (m *Mothership) StepRootAuthority(ctx context.Context, actor Actor, step orrery.RootStep) (out orrery.RootAuthority, err error) {
	if _, err := m.RootAuthority(ctx, actor); err != nil {
		return out, err
	}
	if step == orrery.RootDrop {
		if err := m.allCertified(ctx, actor); err != nil {
			return out, err
		}
	}
	if err := m.root.Step(step); err != nil {
		return out, err
	}
	m.fleet.watchAll() // everybody's certificates are signed anew
	m.nudge(LoopMonitor)
	return m.root.Describe(), nil
}

// allCertified returns a Conflict while a satellite still has certificates of before: who trusts only the next root would
// not reach its clusters.
func (m *Mothership) allCertified(ctx context.Context, actor Actor) error {
	if m.admission == nil {
		return nil
	}
	signer := m.admission.Signer()
	return m.view(ctx, actor, func(t *transaction) error {
		return each(t.Satellites(), store.Query{}, func(s orrery.Satellite) error {
			if s.Registration == nil {
				return nil
			}
			d, ok, err := find(t.Desired(), orrery.DesiredCertificates+"/"+s.ID)
			if err == nil && (!ok || s.Registration.Certificates.Signer != signer || !d.InForce()) {
				err = orrery.Errorf(orrery.Conflict, "the satellite %s has not taken its new certificates yet: %s", s.ID, cmp.Or(d.Reason, "it has not answered"))
			}
			return err
		})
	})
}
