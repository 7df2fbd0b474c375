package mothership

import (
	"context"

	"github.com/orrery-kafka/orrery"
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
	if err := m.root.Step(step); err != nil {
		return out, err
	}
	return m.root.Describe(), nil
}
