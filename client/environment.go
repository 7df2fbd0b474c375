package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const environments = "/org/v2/environments"

// ListEnvironments lists the environments, oldest first.
func (c *Client) ListEnvironments(ctx context.Context) iter.Seq2[wire.Environment, error] {
	return each[wire.Environment](ctx, c, environments, nil)
}

// GetEnvironment returns an environment.
func (c *Client) GetEnvironment(ctx context.Context, id string) (wire.Environment, error) {
	return do[wire.Environment](ctx, c, http.MethodGet, at(environments, id), nil, nil)
}

// CreateEnvironment makes an environment. A display name that is taken is an orrery.Conflict.
func (c *Client) CreateEnvironment(ctx context.Context, in wire.Environment) (wire.Environment, error) {
	return do[wire.Environment](ctx, c, http.MethodPost, environments, nil, in)
}

// UpdateEnvironment changes the fields that are set.
func (c *Client) UpdateEnvironment(ctx context.Context, id string, change wire.EnvironmentUpdate) (wire.Environment, error) {
	return do[wire.Environment](ctx, c, http.MethodPatch, at(environments, id), nil, change)
}

// DeleteEnvironment deletes an environment; one that holds clusters is an orrery.Conflict.
func (c *Client) DeleteEnvironment(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(environments, id), nil, nil)
	return err
}
