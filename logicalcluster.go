package orrery

import (
	"time"
)

// Cluster types of the public API that are offered. Basic and Standard logical clusters share multi-tenant
// physical clusters; a Dedicated one has a physical cluster to itself.
const (
	TypeBasic     = "Basic"
	TypeStandard  = "Standard"
	TypeDedicated = "Dedicated"
)

// Availability values of the public API. Older clients say SINGLE_ZONE and MULTI_ZONE, newer ones LOW and HIGH.
const (
	AvailabilitySingleZone = "SINGLE_ZONE"
	AvailabilityMultiZone  = "MULTI_ZONE"
	AvailabilityLow        = "LOW"
	AvailabilityHigh       = "HIGH"
)

// LogicalCluster is what a user creates: a Kafka tenant, lkc-xxxxxx.
type LogicalCluster struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	EnvironmentID  string `json:"environment_id"`
	DisplayName    string `json:"display_name"`
	Type           string `json:"type"` // TypeBasic, TypeStandard or TypeDedicated
	Availability   string `json:"availability"`
	Cloud          string `json:"cloud"` // upper case: AWS, GCP, AZURE, or what the satellite says
	Region         string `json:"region"`
	// CKU is the size of a Dedicated cluster, in Confluent units for Kafka; 0 for the other types.
	CKU int `json:"cku,omitempty"`
	// MaxECKU is the most elastic units that a Basic or Standard cluster may use; 0 is the type's default.
	MaxECKU            int  `json:"max_ecku,omitempty"`
	DeletionProtection bool `json:"deletion_protection"`
	// PhysicalClusterID is set by placement, once, and never changes.
	PhysicalClusterID string    `json:"physical_cluster_id,omitempty"`
	State             Lifecycle `json:"state"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

// CRN names the cluster as a thing of the control plane.
func (c LogicalCluster) CRN() CRN { return CloudClusterCRN(c.OrganizationID, c.EnvironmentID, c.ID) }

// Dedicated reports whether the cluster has a physical cluster to itself.
func (c LogicalCluster) Dedicated() bool { return c.Type == TypeDedicated }

// PlacementDecision records where a logical cluster was put and why; it is kept for as long as the cluster.
type PlacementDecision struct {
	LogicalClusterID  string `json:"logical_cluster_id"`
	OrganizationID    string `json:"organization_id"`
	PhysicalClusterID string `json:"physical_cluster_id,omitempty"` // empty: could not be placed yet
	SatelliteID       string `json:"satellite_id,omitempty"`
	// NewPhysicalCluster is true where the decision was to make the physical cluster.
	NewPhysicalCluster bool `json:"new_physical_cluster"`
	// Reasons has one line for each rule that spoke, in order.
	Reasons   []PlacementReason `json:"reasons"`
	DecidedAt time.Time         `json:"decided_at"`
}

// PlacementReason is what one rule said about one candidate.
type PlacementReason struct {
	Rule      string `json:"rule"`      // "satellite-region", "physical-cluster-capacity", "power-of-two-choices", …
	Candidate string `json:"candidate"` // sat-…, pkc-… or ""
	Verdict   string `json:"verdict"`   // accepted, rejected, chosen
	Message   string `json:"message"`
}
