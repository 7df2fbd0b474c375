package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const environmentsPath = "/org/v2/environments"

func (s *server) environmentRoutes() []route {
	return []route{
		{"GET", environmentsPath, "listEnvironments", "List environments", paged(), 200, with(s.listEnvironments), false},
		{"POST", environmentsPath, "createEnvironment", "Create an environment", nil, 201, with(s.createEnvironment), false},
		{"GET", environmentsPath + "/{id}", "getEnvironment", "Read an environment", nil, 200, with(s.getEnvironment), false},
		{"PATCH", environmentsPath + "/{id}", "updateEnvironment", "Change an environment", nil, 200, with(s.updateEnvironment), false},
		{"DELETE", environmentsPath + "/{id}", "deleteEnvironment", "Delete an environment that holds no clusters", nil, 204, with(s.deleteEnvironment), false},
	}
}

func (s *server) listEnvironments(c *call, _ none) (wire.List[wire.Environment], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.Environment]{}, err
	}
	rows, err := s.mothership.ListEnvironments(c.ctx, c.actor, page)
	return listing(c, wire.OrgV2, wire.KindEnvironment, rows, c.environment), err
}

func (s *server) createEnvironment(c *call, in wire.Environment) (wire.Environment, error) {
	input := mothership.EnvironmentInput{DisplayName: in.DisplayName}
	if in.StreamGovernanceConfig != nil {
		input.StreamGovernancePackage = in.StreamGovernanceConfig.Package
	}
	e, err := s.mothership.CreateEnvironment(c.ctx, c.actor, input)
	return c.environment(e), err
}

func (s *server) getEnvironment(c *call, _ none) (wire.Environment, error) {
	e, err := s.mothership.Environment(c.ctx, c.actor, c.pathID())
	return c.environment(e), err
}

func (s *server) updateEnvironment(c *call, in wire.EnvironmentUpdate) (wire.Environment, error) {
	change := mothership.EnvironmentChange{DisplayName: in.DisplayName}
	if in.StreamGovernanceConfig != nil {
		change.StreamGovernancePackage = &in.StreamGovernanceConfig.Package
	}
	e, err := s.mothership.UpdateEnvironment(c.ctx, c.actor, c.pathID(), change)
	return c.environment(e), err
}

func (s *server) deleteEnvironment(c *call, _ none) (none, error) {
	return none{}, s.mothership.DeleteEnvironment(c.ctx, c.actor, c.pathID())
}

func (c *call) environment(e orrery.Environment) wire.Environment {
	out := wire.Environment{
		APIVersion: wire.OrgV2, Kind: wire.KindEnvironment, ID: e.ID,
		Metadata:    c.metadata(environmentsPath, e.ID, e.CRN(), e.CreatedAt, e.UpdatedAt),
		DisplayName: e.DisplayName,
	}
	if e.StreamGovernancePackage != "" {
		out.StreamGovernanceConfig = &wire.StreamGovernanceConfig{Package: e.StreamGovernancePackage}
	}
	return out
}
