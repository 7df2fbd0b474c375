package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const serviceAccountsPath = "/iam/v2/service-accounts"

func (s *server) serviceAccountRoutes() []route {
	return []route{
		{"GET", serviceAccountsPath, "listServiceAccounts", "List service accounts",
			paged(parameter{name: "display_name", meaning: "Only the service account of this name."}), 200, with(s.listServiceAccounts), false},
		{"POST", serviceAccountsPath, "createServiceAccount", "Create a service account",
			[]parameter{{name: "assigned_resource_owner", meaning: "Not offered: a request that sets it is refused."}}, 201, with(s.createServiceAccount), false},
		{"GET", serviceAccountsPath + "/{id}", "getServiceAccount", "Read a service account", nil, 200, with(s.getServiceAccount), false},
		{"PATCH", serviceAccountsPath + "/{id}", "updateServiceAccount", "Change a service account's description", nil, 200, with(s.updateServiceAccount), false},
		{"DELETE", serviceAccountsPath + "/{id}", "deleteServiceAccount", "Delete a service account with its API keys and role bindings", nil, 204, with(s.deleteServiceAccount), false},
	}
}

func (s *server) listServiceAccounts(c *call, _ none) (wire.List[wire.ServiceAccount], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.ServiceAccount]{}, err
	}
	rows, err := s.mothership.ListServiceAccounts(c.ctx, c.actor, c.query("display_name"), page)
	return listing(c, wire.IAMV2, wire.KindServiceAccount, rows, c.serviceAccount), err
}

func (s *server) createServiceAccount(c *call, in wire.ServiceAccount) (wire.ServiceAccount, error) {
	if c.query("assigned_resource_owner") != "" {
		return wire.ServiceAccount{}, &parameterError{&orrery.Error{Code: orrery.UnsupportedValue, Pointer: "assigned_resource_owner",
			Message: "a service account cannot be given an owner here; leave assigned_resource_owner out"}}
	}
	a, err := s.mothership.CreateServiceAccount(c.ctx, c.actor, mothership.ServiceAccountInput{DisplayName: in.DisplayName, Description: in.Description})
	return c.serviceAccount(a), err
}

func (s *server) getServiceAccount(c *call, _ none) (wire.ServiceAccount, error) {
	a, err := s.mothership.ServiceAccount(c.ctx, c.actor, c.pathID())
	return c.serviceAccount(a), err
}

func (s *server) updateServiceAccount(c *call, in wire.ServiceAccountUpdate) (wire.ServiceAccount, error) {
	change := mothership.ServiceAccountChange{DisplayName: in.DisplayName, Description: in.Description}
	a, err := s.mothership.UpdateServiceAccount(c.ctx, c.actor, c.pathID(), change)
	return c.serviceAccount(a), err
}

func (s *server) deleteServiceAccount(c *call, _ none) (none, error) {
	id := c.pathID()
	state, err := s.mothership.DeleteServiceAccount(c.ctx, c.actor, id)
	if err != nil {
		return none{}, err
	}
	return none{}, c.removed("service account "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.ServiceAccountState(ctx, id)
	})
}

func (c *call) serviceAccount(a orrery.ServiceAccount) wire.ServiceAccount {
	return wire.ServiceAccount{
		APIVersion: wire.IAMV2, Kind: wire.KindServiceAccount, ID: a.ID,
		Metadata:    c.metadata(serviceAccountsPath, a.ID, a.CRN(), a.CreatedAt, a.UpdatedAt),
		DisplayName: a.DisplayName, Description: a.Description,
	}
}
