package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const (
	satellites         = "/orrery/v1/satellites"
	physicalClusters   = "/orrery/v1/physical-clusters"
	placementDecisions = "/orrery/v1/placement-decisions"
)

// ListSatellites lists the places where physical clusters run.
func (c *Client) ListSatellites(ctx context.Context) iter.Seq2[wire.Satellite, error] {
	return each[wire.Satellite](ctx, c, satellites, nil)
}

// GetSatellite returns a satellite.
func (c *Client) GetSatellite(ctx context.Context, id string) (wire.Satellite, error) {
	return do[wire.Satellite](ctx, c, http.MethodGet, at(satellites, id), nil, nil)
}

// RegisterSatellite registers a satellite, or the same one again where its identity key is known.
func (c *Client) RegisterSatellite(ctx context.Context, r wire.SatelliteRegistration) (wire.SatelliteRegistration, error) {
	return do[wire.SatelliteRegistration](ctx, c, http.MethodPost, satellites, nil, r)
}

// ListPhysicalClusters lists the physical clusters (PSCs).
func (c *Client) ListPhysicalClusters(ctx context.Context) iter.Seq2[wire.PhysicalCluster, error] {
	return each[wire.PhysicalCluster](ctx, c, physicalClusters, nil)
}

// GetPhysicalCluster returns a physical cluster: desired state with provenance, and observed state.
func (c *Client) GetPhysicalCluster(ctx context.Context, id string) (wire.PhysicalCluster, error) {
	return do[wire.PhysicalCluster](ctx, c, http.MethodGet, at(physicalClusters, id), nil, nil)
}

// UpdatePhysicalCluster sets fields of a physical cluster by hand.
func (c *Client) UpdatePhysicalCluster(ctx context.Context, id string, change wire.PhysicalClusterUpdate) (wire.PhysicalCluster, error) {
	return do[wire.PhysicalCluster](ctx, c, http.MethodPatch, at(physicalClusters, id), nil, change)
}

// ListPlacementDecisions lists where the organization's clusters were put.
func (c *Client) ListPlacementDecisions(ctx context.Context) iter.Seq2[wire.PlacementDecision, error] {
	return each[wire.PlacementDecision](ctx, c, placementDecisions, nil)
}

// GetPlacementDecision returns where a cluster was put, and why there.
func (c *Client) GetPlacementDecision(ctx context.Context, logicalClusterID string) (wire.PlacementDecision, error) {
	return do[wire.PlacementDecision](ctx, c, http.MethodGet, at(placementDecisions, logicalClusterID), nil, nil)
}
