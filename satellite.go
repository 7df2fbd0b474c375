package orrery

import "time"

// Satellite runs physical clusters in one Kubernetes cluster or on one host; sat-xxxxxx. It registers itself
// over the link.
type Satellite struct {
	ID    string `json:"id"`
	Cloud string `json:"cloud"` // "*" serves any cloud name
	// Region is "*" where the satellite serves any region name.
	Region     string            `json:"region"`
	Labels     map[string]string `json:"labels,omitempty"`
	Engine     string            `json:"engine"`    // EngineEmbedded or EngineApache
	Substrate  string            `json:"substrate"` // inproc, process, kube
	Version    string            `json:"version"`   // of the orrery program
	Capacity   Capacity          `json:"capacity"`
	Conditions []Condition       `json:"conditions,omitempty"`
	// ReportedAt is when its last report was made, by its own clock.
	ReportedAt time.Time `json:"reported_at"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Serves reports whether the satellite runs clusters of a cloud and region.
func (s Satellite) Serves(cloud, region string) bool {
	return (s.Cloud == "*" || s.Cloud == cloud) && (s.Region == "*" || s.Region == region)
}
