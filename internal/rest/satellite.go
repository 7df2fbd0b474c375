package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const satellitesPath = "/orrery/v1/satellites"

func (s *server) satelliteRoutes() []route {
	return []route{
		{"GET", satellitesPath, "listSatellites", "List satellites: the places where physical clusters run", paged(), 200, with(s.listSatellites), false},
		{"POST", satellitesPath, "createSatellite", "Register a satellite: it gets its id, its certificates and its part of the link", nil, 201, with(s.createSatellite), false},
		{"GET", satellitesPath + "/{id}", "getSatellite", "Read a satellite", nil, 200, with(s.getSatellite), false},
	}
}

func (s *server) listSatellites(c *call, _ none) (wire.List[wire.Satellite], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.Satellite]{}, err
	}
	rows, err := s.mothership.ListSatellites(c.ctx, c.actor, page)
	return listing(c, wire.OrreryV1, wire.KindSatellite, rows, c.satellite), err
}

func (s *server) createSatellite(c *call, in wire.SatelliteRegistration) (wire.SatelliteRegistration, error) {
	r, err := s.mothership.RegisterSatellite(c.ctx, c.actor, mothership.SatelliteInput{
		Cloud: in.Spec.Cloud, Region: in.Spec.Region, Labels: in.Spec.Labels, Engine: in.Spec.Engine, Substrate: in.Spec.Substrate,
		Version: in.Spec.Version, Capacity: in.Spec.Capacity,
		IdentityRequest: in.IdentityRequest, AuthorityRequest: in.AuthorityRequest, DNSNames: in.DNSNames, IPAddresses: in.IPAddresses,
	})
	if err != nil {
		return wire.SatelliteRegistration{}, err
	}
	shown := c.satellite(r.Satellite)
	return wire.SatelliteRegistration{
		APIVersion: wire.OrreryV1, Kind: wire.KindSatelliteRegistration, ID: r.ID, Metadata: shown.Metadata, Spec: shown.Spec,
		IdentityRequest: in.IdentityRequest, AuthorityRequest: in.AuthorityRequest, DNSNames: in.DNSNames, IPAddresses: in.IPAddresses,
		Status: wire.SatelliteRegistrationStatus{Link: r.Seeds, Certificates: r.Registration.Certificates},
	}, nil
}

func (s *server) getSatellite(c *call, _ none) (wire.Satellite, error) {
	satellite, err := s.mothership.Satellite(c.ctx, c.actor, c.pathID())
	return c.satellite(satellite), err
}

func (c *call) satellite(s orrery.Satellite) wire.Satellite {
	return wire.Satellite{
		APIVersion: wire.OrreryV1, Kind: wire.KindSatellite, ID: s.ID,
		Metadata: c.metadata(satellitesPath, s.ID, orrery.CRN{}, s.CreatedAt, s.UpdatedAt),
		Spec: wire.SatelliteSpec{
			Cloud: s.Cloud, Region: s.Region, Labels: s.Labels, Engine: s.Engine, Substrate: s.Substrate,
			Version: s.Version, Capacity: s.Capacity,
		},
		Status: wire.SatelliteStatus{Conditions: orEmpty(s.Conditions), ReportedAt: s.ReportedAt},
	}
}
