package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const (
	serviceAccounts = "/iam/v2/service-accounts"
	users           = "/iam/v2/users"
)

// ListServiceAccounts lists service accounts, oldest first; displayName "" means all.
func (c *Client) ListServiceAccounts(ctx context.Context, displayName string) iter.Seq2[wire.ServiceAccount, error] {
	return each[wire.ServiceAccount](ctx, c, serviceAccounts, filters("display_name", displayName))
}

// GetServiceAccount returns a service account.
func (c *Client) GetServiceAccount(ctx context.Context, id string) (wire.ServiceAccount, error) {
	return do[wire.ServiceAccount](ctx, c, http.MethodGet, at(serviceAccounts, id), nil, nil)
}

// CreateServiceAccount makes a service account. A display name that is taken is an orrery.Conflict.
func (c *Client) CreateServiceAccount(ctx context.Context, in wire.ServiceAccount) (wire.ServiceAccount, error) {
	return do[wire.ServiceAccount](ctx, c, http.MethodPost, serviceAccounts, nil, in)
}

// UpdateServiceAccount changes the description.
func (c *Client) UpdateServiceAccount(ctx context.Context, id string, change wire.ServiceAccountUpdate) (wire.ServiceAccount, error) {
	return do[wire.ServiceAccount](ctx, c, http.MethodPatch, at(serviceAccounts, id), nil, change)
}

// DeleteServiceAccount deletes a service account with its API keys and role bindings.
func (c *Client) DeleteServiceAccount(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(serviceAccounts, id), nil, nil)
	return err
}

// ListUsers lists users, oldest first.
func (c *Client) ListUsers(ctx context.Context) iter.Seq2[wire.User, error] {
	return each[wire.User](ctx, c, users, nil)
}

// GetUser returns a user.
func (c *Client) GetUser(ctx context.Context, id string) (wire.User, error) {
	return do[wire.User](ctx, c, http.MethodGet, at(users, id), nil, nil)
}
