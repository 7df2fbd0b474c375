package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const identityProviders = "/iam/v2/identity-providers"

// ListIdentityProviders lists identity providers, oldest first.
func (c *Client) ListIdentityProviders(ctx context.Context) iter.Seq2[wire.IdentityProvider, error] {
	return each[wire.IdentityProvider](ctx, c, identityProviders, nil)
}

// GetIdentityProvider returns an identity provider, and whether its keys can be fetched.
func (c *Client) GetIdentityProvider(ctx context.Context, id string) (wire.IdentityProvider, error) {
	return do[wire.IdentityProvider](ctx, c, http.MethodGet, at(identityProviders, id), nil, nil)
}

// CreateIdentityProvider makes an identity provider. It returns once every cluster of the organization knows it.
func (c *Client) CreateIdentityProvider(ctx context.Context, in wire.IdentityProvider) (wire.IdentityProvider, error) {
	return do[wire.IdentityProvider](ctx, c, http.MethodPost, identityProviders, nil, in)
}

// UpdateIdentityProvider changes the fields that are set.
func (c *Client) UpdateIdentityProvider(ctx context.Context, id string, change wire.IdentityProviderUpdate) (wire.IdentityProvider, error) {
	return do[wire.IdentityProvider](ctx, c, http.MethodPatch, at(identityProviders, id), nil, change)
}

// DeleteIdentityProvider deletes an identity provider; one that has identity pools is an orrery.Conflict.
func (c *Client) DeleteIdentityProvider(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(identityProviders, id), nil, nil)
	return err
}
