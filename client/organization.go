package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const organizations = "/org/v2/organizations"

// ListOrganizations lists the organizations of the caller: its own.
func (c *Client) ListOrganizations(ctx context.Context) iter.Seq2[wire.Organization, error] {
	return each[wire.Organization](ctx, c, organizations, nil)
}

// GetOrganization returns an organization.
func (c *Client) GetOrganization(ctx context.Context, id string) (wire.Organization, error) {
	return do[wire.Organization](ctx, c, http.MethodGet, at(organizations, id), nil, nil)
}

// UpdateOrganization changes an organization.
func (c *Client) UpdateOrganization(ctx context.Context, id string, change wire.OrganizationUpdate) (wire.Organization, error) {
	return do[wire.Organization](ctx, c, http.MethodPatch, at(organizations, id), nil, change)
}
