package process

import (
	"fmt"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// record is cluster.json: what is chosen once and kept.
type record struct {
	book.Record
	// KafkaClusterID is the id that Kafka's own storage has.
	KafkaClusterID string `json:"kafka_cluster_id"`
	// TenantsPassword is that of the gateways' login for tenants' traffic; empty without gateways.
	TenantsPassword string `json:"tenants_password,omitempty"`
	// Nodes are brokers by node, then nodes that are a controller only.
	Nodes []nodeRecord `json:"nodes"`
}

// nodeRecord is one broker or controller.
type nodeRecord struct {
	Node int32 `json:"node"`
	// DirectoryID is the id of its data directory.
	DirectoryID string `json:"directory_id"`
	// The ports of its listeners; 0 for one that it does not have.
	PlatformPort   int `json:"platform_port,omitempty"`
	TenantPort     int `json:"tenant_port,omitempty"`
	ControllerPort int `json:"controller_port,omitempty"`
	// Founder is true for one of the first voters, until its storage is replaced: told of them again it could found a
	// second quorum.
	Founder bool `json:"founder,omitempty"`
	// Formatted is true once its storage was made.
	Formatted bool `json:"formatted,omitempty"`
}

func (n nodeRecord) isBroker() bool     { return n.Node < orrery.FirstController }
func (n nodeRecord) isController() bool { return n.ControllerPort != 0 }

// name is what people call the node.
func (n nodeRecord) name() string {
	if n.isBroker() {
		return fmt.Sprintf("broker %d", n.Node)
	}
	return fmt.Sprintf("controller %d", n.Node)
}

// brokers is how many brokers there are.
func (r record) brokers() int {
	return len(r.Nodes) - r.Spec.Controllers
}

func (r record) find(node int32) (int, bool) {
	i := slices.IndexFunc(r.Nodes, func(n nodeRecord) bool { return n.Node == node })
	return i, i >= 0
}

// ports returns every port that the cluster has.
func (r record) ports() []int {
	ports := book.PortsOf(r.Endpoints)
	for _, n := range r.Nodes {
		for _, port := range []int{n.PlatformPort, n.TenantPort, n.ControllerPort} {
			if port != 0 {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// check says why a record that was read makes no sense, and "" where it does.
func (r record) check() string {
	if err := checkSpec(r.Spec); err != nil {
		return err.Error()
	}
	if r.brokers() < 1 || r.Spec.Gateways && len(r.Endpoints.Brokers) != r.brokers() {
		return fmt.Sprintf("%d nodes, %d controllers, %d addresses", len(r.Nodes), r.Spec.Controllers, len(r.Endpoints.Brokers))
	}
	founders := 0
	for i, n := range r.Nodes {
		want := int32(i)
		if i >= r.brokers() {
			want = orrery.FirstController + int32(i-r.brokers())
		}
		if n.Node != want || n.DirectoryID == "" || n.isBroker() != (n.PlatformPort != 0) {
			return fmt.Sprintf("the node in place %d is %d", i, n.Node)
		}
		if n.isController() {
			founders++
		}
	}
	if founders == 0 || r.KafkaClusterID == "" {
		return "no controllers"
	}
	return ""
}

// combined is how many of the first brokers are controllers too, where there are none of their own.
const combined = 3

// isCombined reports whether a broker is a controller too.
func isCombined(spec orrery.PSCSpec, node int32) bool {
	return spec.Controllers == 0 && node < combined
}

// founders is how many brokers, from the first, are the first voters where there are no controllers of their own: an odd
// number, for two need as many to be up as one does, and more can fail.
func founders(brokers int) int32 {
	if brokers < combined {
		return 1
	}
	return combined
}

// voters are the first voters as every one of them has to know them.
func (c *cluster) voters() []engine.Voter {
	var voters []engine.Voter
	for _, n := range c.record.Nodes {
		if n.Founder {
			voters = append(voters, engine.Voter{NodeID: n.Node, DirectoryID: n.DirectoryID, Address: c.substrate.private.Address(n.ControllerPort)})
		}
	}
	return voters
}

// controllers are all nodes that are controllers, which is where each node looks for the quorum.
func (c *cluster) controllers() []engine.Voter {
	var all []engine.Voter
	for _, n := range c.record.Nodes {
		if n.isController() {
			all = append(all, engine.Voter{NodeID: n.Node, DirectoryID: n.DirectoryID, Address: c.substrate.private.Address(n.ControllerPort)})
		}
	}
	return all
}
