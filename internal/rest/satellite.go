package rest

import (
	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

const satellitesPath = "/orrery/v1/satellites"

func (s *server) satelliteRoutes() []route {
	return []route{
		{"GET", satellitesPath, "listSatellites", "List satellites: the places where physical clusters run", paged(), 200, with(s.listSatellites), false},
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
