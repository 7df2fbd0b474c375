package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const organizationsPath = "/org/v2/organizations"

func (s *server) organizationRoutes() []route {
	return []route{
		{"GET", organizationsPath, "listOrganizations", "List the organizations of the caller: its own", paged(), 200, with(s.listOrganizations), false},
		{"GET", organizationsPath + "/{id}", "getOrganization", "Read an organization", nil, 200, with(s.getOrganization), false},
		{"PATCH", organizationsPath + "/{id}", "updateOrganization", "Rename an organization", nil, 200, with(s.updateOrganization), false},
	}
}

func (s *server) listOrganizations(c *call, _ none) (wire.List[wire.Organization], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.Organization]{}, err
	}
	rows, err := s.mothership.ListOrganizations(c.ctx, c.actor, page)
	return listing(c, wire.OrgV2, wire.KindOrganization, rows, c.organization), err
}

func (s *server) getOrganization(c *call, _ none) (wire.Organization, error) {
	o, err := s.mothership.Organization(c.ctx, c.actor, c.pathID())
	return c.organization(o), err
}

func (s *server) updateOrganization(c *call, in wire.OrganizationUpdate) (wire.Organization, error) {
	if in.JITEnabled != nil && *in.JITEnabled {
		return wire.Organization{}, unsupported("/jit_enabled", "users cannot be created at their first single sign-on here; leave jit_enabled out")
	}
	if in.DisplayName == nil {
		return s.getOrganization(c, none{})
	}
	o, err := s.mothership.UpdateOrganization(c.ctx, c.actor, c.pathID(), *in.DisplayName)
	return c.organization(o), err
}

func (c *call) organization(o orrery.Organization) wire.Organization {
	return wire.Organization{
		APIVersion: wire.OrgV2, Kind: wire.KindOrganization, ID: o.ID,
		Metadata:    c.metadata(organizationsPath, o.ID, o.CRN(), o.CreatedAt, o.UpdatedAt),
		DisplayName: o.DisplayName,
	}
}
