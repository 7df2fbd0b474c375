package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const rootAuthorityPath = "/orrery/v1/root-authority"

func (s *server) rootAuthorityRoutes() []route {
	return []route{
		{"GET", rootAuthorityPath, "getRootAuthority", "Read the service's own certificate authority", nil, 200, with(s.getRootAuthority), false},
		{"PATCH", rootAuthorityPath, "updateRootAuthority", "Make a step of the replacement of the service's own certificate authority", nil, 200, with(s.updateRootAuthority), false},
	}
}

func (s *server) getRootAuthority(c *call, _ none) (wire.RootAuthority, error) {
	a, err := s.mothership.RootAuthority(c.ctx, c.actor)
	return c.rootAuthority(a), err
}

func (s *server) updateRootAuthority(c *call, in wire.RootAuthorityUpdate) (wire.RootAuthority, error) {
	a, err := s.mothership.StepRootAuthority(c.ctx, c.actor, orrery.RootStep(in.Step))
	return c.rootAuthority(a), err
}

func (c *call) rootAuthority(a orrery.RootAuthority) wire.RootAuthority {
	out := wire.RootAuthority{
		APIVersion: wire.OrreryV1, Kind: wire.KindRootAuthority, Metadata: wire.Metadata{Self: c.url(rootAuthorityPath)},
		Phase: string(a.Phase), NextStep: string(a.Phase.Next()), CAFile: a.CAFile,
	}
	for _, certificate := range a.Certificates {
		out.Certificates = append(out.Certificates, wire.RootCertificate(certificate))
	}
	return out
}
