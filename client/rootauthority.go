package client

import (
	"context"
	"net/http"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const rootAuthority = "/orrery/v1/root-authority"

// GetRootAuthority returns the service's own certificate authority.
func (c *Client) GetRootAuthority(ctx context.Context) (wire.RootAuthority, error) {
	return do[wire.RootAuthority](ctx, c, http.MethodGet, rootAuthority, nil, nil)
}

// StepRootAuthority makes a step of the replacement of the service's own certificate authority; one that is not the next
// is an orrery.Conflict.
func (c *Client) StepRootAuthority(ctx context.Context, step orrery.RootStep) (wire.RootAuthority, error) {
	return do[wire.RootAuthority](ctx, c, http.MethodPatch, rootAuthority, nil, wire.RootAuthorityUpdate{Step: string(step)})
}
