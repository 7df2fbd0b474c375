package process

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
)

// The listeners of a node, all on loopback.
const (
	listenerTenant     = "TENANT"     // tenants' requests of the gateway beside it: SASL PLAIN, loopback only
	listenerPlatform   = "PLATFORM"   // TLS with client certificates: brokers, gateways' own requests, satellite and operator
	listenerController = "CONTROLLER" // the same, of the controllers
)

// Who is who: the common names of certificates, and the user of the tenants' login.
const (
	brokerName     = "broker"
	controllerName = "controller"
	operatorName   = "operator"
	gatewayName    = "gateway"
	tenantsName    = "tenants"

	tenantsPrincipal = "User:" + tenantsName
	gatewayPrincipal = "User:" + gatewayName
)

// server is the configuration of a node with a spec.
func (c *cluster) server(n nodeRecord, spec orrery.PSCSpec) engine.Server {
	address := c.substrate.private.Address
	trusted := filepath.Join("..", authorityDir, "ca.pem")
	controller := engine.Listener{Name: listenerController, Protocol: "SSL", KeyStore: quorumStore, TrustStore: trusted}
	server := engine.Server{
		NodeID: n.Node, DataDir: dataDir, ControllerListener: listenerController, Voters: c.controllers(),
		SuperUsers: []string{"User:" + brokerName, "User:" + controllerName, "User:" + operatorName},
		Config:     map[string]string{},
	}
	switch {
	case !n.isBroker():
		server.Roles = []string{"controller"}
	case !n.isController():
		server.Roles = []string{"broker"}
	}
	if n.isController() {
		controller.Address = address(n.ControllerPort)
	}
	if n.isBroker() {
		server.InterBrokerListener = listenerPlatform
		server.Listeners = append(server.Listeners, engine.Listener{
			Name: listenerPlatform, Protocol: "SSL", Address: address(n.PlatformPort), KeyStore: platformStore, TrustStore: trusted,
		})
	}
	if n.TenantPort != 0 {
		server.Listeners = append(server.Listeners, engine.Listener{
			Name: listenerTenant, Protocol: "SASL_PLAINTEXT", Address: address(n.TenantPort), Users: map[string]string{tenantsName: c.record.TenantsPassword},
		})
	}
	server.Listeners = append(server.Listeners, controller)
	maps.Copy(server.Config, defaults(c.record.brokers()))
	maps.Copy(server.Config, spec.Configuration)
	maps.Copy(server.Config, c.fixed())
	return server
}

// fixed are settings that nobody chooses: who a certificate stands for. There is no rule for anybody else, so a
// certificate of another cluster, or one for another listener, is nobody.
func (c *cluster) fixed() map[string]string {
	rule := func(names ...string) string {
		return fmt.Sprintf("RULE:^CN=(%s),OU=%s,O=Orrery$/$1/", strings.Join(names, "|"), c.id)
	}
	return map[string]string{
		mappingRules(listenerPlatform):   rule(brokerName, gatewayName, operatorName),
		mappingRules(listenerController): rule(controllerName, operatorName),
	}
}

func mappingRules(listener string) string {
	return "listener.name." + strings.ToLower(listener) + ".ssl.principal.mapping.rules"
}

// checkConfiguration refuses settings that would undo who may do what.
func checkConfiguration(configuration map[string]string) error {
	for name := range configuration {
		lower := strings.ToLower(name)
		for _, ours := range []string{"listener", "ssl.", "sasl.", "security.", "authorizer.", "super.users", "principal.", "allow.everyone", "controller.quorum.", "log.dir", "metadata.log.dir"} {
			if strings.HasPrefix(lower, ours) && !strings.HasPrefix(lower, "controller.quorum.election.") && !strings.HasPrefix(lower, "controller.quorum.fetch.") {
				return orrery.Errorf(orrery.Invalid, "the setting %s is the platform's and cannot be configured", name)
			}
		}
	}
	return nil
}

// defaults are settings that depend on how many brokers there are and on the host. A spec may have others.
func defaults(brokers int) map[string]string {
	replicas := min(brokers, 3)
	in := strconv.Itoa
	minimum := in(max(1, replicas-1))
	return map[string]string{
		"auto.create.topics.enable": "false", "default.replication.factor": in(replicas), "min.insync.replicas": minimum,
		"offsets.topic.replication.factor": in(replicas), "transaction.state.log.replication.factor": in(replicas),
		"transaction.state.log.min.isr": minimum, "share.coordinator.state.topic.replication.factor": in(replicas),
		"share.coordinator.state.topic.min.isr": minimum,
		// A follower asks its leader before that has heard of it, and would wait for a second.
		"replica.fetch.backoff.ms": "50",
		// The log cleaner's memory: the default is half of a small heap.
		"log.cleaner.dedupe.buffer.size": "16777216",
	}
}

// The heap of a JVM where nothing is said: a sixteenth of the host's memory, within bounds.
const (
	heapShare                = 16
	minHeapMiB, maxHeapMiB   = 256, 1024
	controllerHeapMiB        = 256
	fallbackMemory           = 8 << 30
	meminfo, totalMemoryLine = "/proc/meminfo", "MemTotal:"
)

func heapMiB(broker bool) int {
	if !broker {
		return controllerHeapMiB
	}
	return min(max(int(hostMemory()/heapShare>>20), minHeapMiB), maxHeapMiB)
}

// hostMemory is the host's memory in bytes.
func hostMemory() int64 {
	text, err := os.ReadFile(meminfo)
	if err != nil {
		return fallbackMemory
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, totalMemoryLine); ok {
			if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return fallbackMemory
}
