package wire

import (
	"time"

	"github.com/orrery-kafka/orrery"
)

// KindSatellite is the kind of a Satellite.
const KindSatellite = "Satellite"

// Satellite is orrery/v1 Satellite: a place where physical clusters run, sat-….
type Satellite struct {
	APIVersion string          `json:"api_version" enum:"orrery/v1"`
	Kind       string          `json:"kind" enum:"Satellite"`
	ID         string          `json:"id"`
	Metadata   Metadata        `json:"metadata"`
	Spec       SatelliteSpec   `json:"spec"`
	Status     SatelliteStatus `json:"status"`
}

// SatelliteSpec is what a satellite says about itself. "*" as cloud or region serves any name.
type SatelliteSpec struct {
	Cloud     string            `json:"cloud"`
	Region    string            `json:"region"`
	Labels    map[string]string `json:"labels,omitempty"`
	Engine    string            `json:"engine"`
	Substrate string            `json:"substrate"`
	Version   string            `json:"version"`
	Capacity  orrery.Capacity   `json:"capacity"`
}

// SatelliteStatus is what a satellite last reported, and when by its own clock.
type SatelliteStatus struct {
	Conditions []orrery.Condition `json:"conditions"`
	ReportedAt time.Time          `json:"reported_at,omitzero"`
}
