package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

func identityPools(providerID string) string {
	return at(identityProviders, providerID) + "/identity-pools"
}

// ListIdentityPools lists the identity pools of an identity provider, oldest first.
func (c *Client) ListIdentityPools(ctx context.Context, providerID string) iter.Seq2[wire.IdentityPool, error] {
	return each[wire.IdentityPool](ctx, c, identityPools(providerID), nil)
}

// GetIdentityPool returns an identity pool of an identity provider.
func (c *Client) GetIdentityPool(ctx context.Context, providerID, id string) (wire.IdentityPool, error) {
	return do[wire.IdentityPool](ctx, c, http.MethodGet, at(identityPools(providerID), id), nil, nil)
}

// CreateIdentityPool makes an identity pool. It returns once every cluster of the organization knows it.
func (c *Client) CreateIdentityPool(ctx context.Context, providerID string, in wire.IdentityPool) (wire.IdentityPool, error) {
	return do[wire.IdentityPool](ctx, c, http.MethodPost, identityPools(providerID), nil, in)
}

// UpdateIdentityPool changes the fields that are set.
func (c *Client) UpdateIdentityPool(ctx context.Context, providerID, id string, change wire.IdentityPoolUpdate) (wire.IdentityPool, error) {
	return do[wire.IdentityPool](ctx, c, http.MethodPatch, at(identityPools(providerID), id), nil, change)
}

// DeleteIdentityPool deletes an identity pool with its role bindings.
func (c *Client) DeleteIdentityPool(ctx context.Context, providerID, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(identityPools(providerID), id), nil, nil)
	return err
}
