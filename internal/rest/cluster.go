package rest

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const clustersPath = "/cmk/v2/clusters"

func (s *server) clusterRoutes() []route {
	environment := parameter{name: "environment", meaning: "The id of the environment that the cluster is in.", required: true}
	return []route{
		{"GET", clustersPath, "listClusters", "List the Kafka clusters of an environment", paged(
			parameter{name: "environment", meaning: "The id of the environment.", required: true},
			parameter{name: "spec.deletion_protection", meaning: "Only clusters with (true) or without (false) deletion protection."},
			parameter{name: "spec.network", meaning: "Not offered: no cluster is in a network."},
		), 200, with(s.listClusters), false},
		{"POST", clustersPath, "createCluster", "Create a Kafka cluster; it takes clients once its phase is PROVISIONED", nil, 202, with(s.createCluster), false},
		{"GET", clustersPath + "/{id}", "getCluster", "Read a Kafka cluster", []parameter{environment}, 200, with(s.getCluster), false},
		{"PATCH", clustersPath + "/{id}", "updateCluster", "Change a Kafka cluster", nil, 200, with(s.updateCluster), false},
		{"DELETE", clustersPath + "/{id}", "deleteCluster", "Delete a Kafka cluster with its data and API keys", []parameter{environment}, 204, with(s.deleteCluster), false},
	}
}

func (s *server) listClusters(c *call, _ none) (wire.List[wire.Cluster], error) {
	var none wire.List[wire.Cluster]
	page, err := c.page()
	if err != nil {
		return none, err
	}
	if c.query("spec.network") != "" {
		return none, &parameterError{&orrery.Error{Code: orrery.UnsupportedValue, Pointer: "spec.network", Message: "there are no networks here; leave spec.network out"}}
	}
	filter := mothership.ClusterFilter{EnvironmentID: c.query("environment")}
	if protection := c.query("spec.deletion_protection"); protection != "" {
		b, err := strconv.ParseBool(protection)
		if err != nil {
			return none, invalidParameter("spec.deletion_protection", "spec.deletion_protection is %q; it must be true or false", protection)
		}
		filter.DeletionProtection = &b
	}
	rows, err := s.mothership.ListClusters(c.ctx, c.actor, filter, page)
	return listing(c, wire.CMKV2, wire.KindCluster, rows, c.cluster), err
}

func (s *server) createCluster(c *call, in wire.Cluster) (wire.Cluster, error) {
	spec := in.Spec
	if err := refuse(spec.Network, spec.BYOK, spec.Config.EncryptionKey, spec.Config.Zones); err != nil {
		return wire.Cluster{}, err
	}
	if !spec.Environment.IsSet() {
		return wire.Cluster{}, orrery.InvalidField("/spec/environment", "the id of the environment is required in /spec/environment/id")
	}
	cluster, err := s.mothership.CreateCluster(c.ctx, c.actor, mothership.ClusterInput{
		EnvironmentID: spec.Environment.ID, DisplayName: spec.DisplayName,
		Type: spec.Config.Kind, CKU: spec.Config.CKU, MaxECKU: spec.Config.MaxECKU,
		Availability: spec.Availability, Cloud: spec.Cloud, Region: spec.Region,
		DeletionProtection: spec.DeletionProtection,
	})
	return c.cluster(cluster), err
}

func (s *server) getCluster(c *call, _ none) (wire.Cluster, error) {
	cluster, err := s.mothership.Cluster(c.ctx, c.actor, c.query("environment"), c.pathID())
	return c.cluster(cluster), err
}

func (s *server) updateCluster(c *call, in wire.ClusterUpdate) (wire.Cluster, error) {
	spec, environmentID := in.Spec, ""
	if spec.Environment.IsSet() {
		environmentID = spec.Environment.ID
	}
	change := mothership.ClusterChange{DisplayName: spec.DisplayName, DeletionProtection: spec.DeletionProtection}
	var encryptionKey string
	var zones []string
	if spec.Config != nil {
		change.Type, change.CKU, change.MaxECKU = spec.Config.Kind, spec.Config.CKU, spec.Config.MaxECKU
		encryptionKey, zones = spec.Config.EncryptionKey, spec.Config.Zones
	}
	if err := refuse(spec.Network, spec.BYOK, encryptionKey, zones); err != nil {
		return wire.Cluster{}, err
	}
	if spec.Availability != nil || spec.Cloud != nil || spec.Region != nil {
		cluster, err := s.mothership.Cluster(c.ctx, c.actor, environmentID, c.pathID())
		if err != nil {
			return wire.Cluster{}, err
		}
		if err := keeps(cluster, spec); err != nil {
			return wire.Cluster{}, err
		}
	}
	cluster, err := s.mothership.UpdateCluster(c.ctx, c.actor, environmentID, c.pathID(), change)
	return c.cluster(cluster), err
}

func (s *server) deleteCluster(c *call, _ none) (none, error) {
	id := c.pathID()
	state, err := s.mothership.DeleteCluster(c.ctx, c.actor, c.query("environment"), id)
	if err != nil {
		return none{}, err
	}
	return none{}, c.removed("cluster "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.ClusterState(ctx, id)
	})
}

// refuse returns an error about the first field that the public API has and this service does not offer: ignored,
// each would make a user believe in a protection that is not there.
func refuse(network, byok *wire.Reference, encryptionKey string, zones []string) error {
	switch {
	case network.IsSet():
		return unsupported("/spec/network", "there are no private networks here; leave network out")
	case byok.IsSet():
		return unsupported("/spec/byok", "a key of your own cannot encrypt a cluster here; leave byok out")
	case wire.Filled(encryptionKey) != "":
		return unsupported("/spec/config/encryption_key", "a key of your own cannot encrypt a cluster here; leave encryption_key out")
	case len(zones) > 0:
		return unsupported("/spec/config/zones", "the zones of a cluster cannot be chosen here; leave zones out")
	}
	return nil
}

// spellings maps an availability to the older clients' word for it.
var spellings = map[string]string{orrery.AvailabilityLow: orrery.AvailabilitySingleZone, orrery.AvailabilityHigh: orrery.AvailabilityMultiZone}

// sameSetting reports whether two spellings mean the same.
func sameSetting(a, b string) bool {
	a, b = strings.ToUpper(a), strings.ToUpper(b)
	return cmp.Or(spellings[a], a) == cmp.Or(spellings[b], b)
}

// keeps returns an error where a change names another value for what never changes.
func keeps(cluster mothership.Cluster, spec wire.ClusterSpecUpdate) error {
	for _, f := range []struct {
		name string
		sent *string
		kept string
	}{
		{"availability", spec.Availability, cluster.Availability},
		{"cloud", spec.Cloud, cluster.Cloud},
		{"region", spec.Region, cluster.Region},
	} {
		if f.sent != nil && *f.sent != "" && !sameSetting(*f.sent, f.kept) {
			return orrery.InvalidField("/spec/"+f.name, "the %s of a cluster cannot be changed; it is %q", f.name, f.kept)
		}
	}
	return nil
}

func (c *call) cluster(k mothership.Cluster) wire.Cluster {
	environment := c.environmentReference(k.OrganizationID, k.EnvironmentID)
	out := wire.Cluster{
		APIVersion: wire.CMKV2, Kind: wire.KindCluster, ID: k.ID,
		Metadata: c.metadata(clustersPath, k.ID, k.CRN(), k.CreatedAt, k.UpdatedAt),
		Spec: wire.ClusterSpec{
			DisplayName: k.DisplayName, Availability: k.Availability, Cloud: k.Cloud, Region: k.Region,
			Config:             wire.ClusterConfig{Kind: k.Type, CKU: k.CKU, MaxECKU: k.MaxECKU},
			DeletionProtection: k.DeletionProtection, Environment: &environment,
		},
		Status: wire.ClusterStatus{Phase: phase(k.State), CKU: k.CKU},
	}
	if k.Endpoints.Bootstrap != "" {
		out.Spec.KafkaBootstrapEndpoint = "SASL_SSL://" + k.Endpoints.Bootstrap
	}
	if k.Endpoints.REST != "" {
		out.Spec.HTTPEndpoint = "https://" + k.Endpoints.REST
	}
	return out
}

// phase is the public API's name for how far a cluster is.
func phase(state orrery.Lifecycle) string {
	if state.Phase == orrery.PhaseUsable {
		return wire.PhaseProvisioned
	}
	return wire.PhaseProvisioning
}
