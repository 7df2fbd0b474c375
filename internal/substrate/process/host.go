package process

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
)

// What of a host's memory is for brokers, and what a broker takes beside its heap, its gateway included.
const (
	memoryPartsForBrokers = 3 // of 4
	besideHeapMiB         = 320
)

// HostBrokers is how many brokers, each with its gateway, this host's memory has room for.
func HostBrokers() int {
	room := int(hostMemory() >> 20 * memoryPartsForBrokers / 4)
	return max(1, room/(heapMiB(true)+besideHeapMiB))
}

// The roles that have an administration socket.
const (
	RoleGateway  = "gateway"
	RoleBalancer = "balancer"
)

// AdminSocket is the administration socket of a gateway or a balancer.
type AdminSocket struct {
	PhysicalClusterID string
	Role              string // RoleGateway or RoleBalancer
	Node              int32  // of a gateway
	Path              string
}

// AdminSockets returns the sockets of all gateways and balancers that were started and have not ended, by cluster.
func (s *Substrate) AdminSockets() []AdminSocket {
	var sockets []AdminSocket
	clusters := s.all()
	slices.SortFunc(clusters, func(a, b *cluster) int { return cmp.Compare(a.id, b.id) })
	for _, c := range clusters {
		sockets = append(sockets, c.adminSockets()...)
	}
	return sockets
}

func (c *cluster) adminSockets() []AdminSocket {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sockets []AdminSocket
	for _, n := range slices.Sorted(maps.Keys(c.gateways)) {
		if u := c.gateways[n]; u.began() {
			sockets = append(sockets, AdminSocket{PhysicalClusterID: c.id, Role: RoleGateway, Node: n, Path: filepath.Join(u.dir, socketAdmin)})
		}
	}
	if c.balancer != nil && c.balancer.began() {
		sockets = append(sockets, AdminSocket{PhysicalClusterID: c.id, Role: RoleBalancer, Path: filepath.Join(c.balancer.dir, socketAdmin)})
	}
	return sockets
}
