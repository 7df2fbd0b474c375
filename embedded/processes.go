package embedded

import (
	"context"
	"net/http"
	"slices"

	"github.com/orrery-kafka/orrery/internal/dataplane"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// openProcesses opens the substrate on which brokers, gateways and balancers are processes of their own. They outlive
// this one where it is killed, and the next one adopts them.
func (w *worker) openProcesses() error {
	processes, err := process.New(process.Config{
		Dir: w.directory.join("clusters"), Host: w.config.listen, Names: w.config.names, PortsFrom: w.config.portFirst, PortsTo: w.config.portLast, Authority: w.config.authority,
		Install: installer(w.config.engineCache), JVM: w.config.jvm, Login: w.config.login.file(),
		Changed: func(string) { w.nudge(loopSatellite) }, Logger: w.log,
	})
	if err != nil {
		return err
	}
	w.substrate, w.pages = processes, processPages{processes}
	w.gatherers = append(w.gatherers, dataplane.Gatherer{Sockets: processes.AdminSockets})
	w.onClose(func(ctx context.Context) error {
		if !w.config.endProcesses {
			return processes.Close()
		}
		w.config.progress.tell("stopping balancers, gateways and brokers ...")
		return processes.Stop(ctx)
	})
	return nil
}

// processPages are the diagnostic pages of gateways that are processes of their own.
type processPages struct{ processes *process.Substrate }

// keys implements pages.
func (p processPages) keys() []string {
	var keys []string
	for _, socket := range p.processes.AdminSockets() {
		if socket.Role == process.RoleGateway {
			keys = append(keys, gatewayKey(socket.PhysicalClusterID, socket.Node))
		}
	}
	slices.Sort(keys)
	return keys
}

// page implements pages.
func (p processPages) page(key string) (http.Handler, bool) {
	for _, socket := range p.processes.AdminSockets() {
		if socket.Role == process.RoleGateway && gatewayKey(socket.PhysicalClusterID, socket.Node) == key {
			return dataplane.Forward(socket.Path, dataplane.AdminDiagnostics), true
		}
	}
	return nil, false
}
