package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const apiKeys = "/iam/v2/api-keys"

// ListAPIKeys lists API keys, oldest first. ownerID "" means every owner; resourceID is lkc-…, "cloud" for the
// control plane's API, or "" for all.
func (c *Client) ListAPIKeys(ctx context.Context, ownerID, resourceID string) iter.Seq2[wire.APIKey, error] {
	return each[wire.APIKey](ctx, c, apiKeys, filters("spec.owner", ownerID, "spec.resource", resourceID))
}

// GetAPIKey returns an API key, without its secret.
func (c *Client) GetAPIKey(ctx context.Context, id string) (wire.APIKey, error) {
	return do[wire.APIKey](ctx, c, http.MethodGet, at(apiKeys, id), nil, nil)
}

// CreateAPIKey makes an API key, whose secret is in the answer and nowhere else. It returns once the key logs in
// at every broker concerned; an orrery.Unavailable error means that there is no key.
func (c *Client) CreateAPIKey(ctx context.Context, in wire.APIKey) (wire.APIKey, error) {
	return do[wire.APIKey](ctx, c, http.MethodPost, apiKeys, nil, in)
}

// UpdateAPIKey changes display name and description.
func (c *Client) UpdateAPIKey(ctx context.Context, id string, change wire.APIKeyUpdate) (wire.APIKey, error) {
	return do[wire.APIKey](ctx, c, http.MethodPatch, at(apiKeys, id), nil, change)
}

// DeleteAPIKey deletes an API key. It returns once the key logs in nowhere; after an orrery.Unavailable error the
// deletion goes on, and the same call says when it is in force.
func (c *Client) DeleteAPIKey(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(apiKeys, id), nil, nil)
	return err
}
