package process

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/durable"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// node is one broker or controller: a JVM, its directory, and what is known of both.
type node struct {
	unit
	cluster *cluster
	record  nodeRecord // its number, roles and ports, which do not change

	// Guarded by unit.mu.
	shown      lifetime // of the certificate of its own listeners: what it shows, or would
	controller lifetime // of that of the controllers' listener
	disk       string   // what there is to say about its disk
}

// Files of a node's directory.
const (
	dataDir       = "data"
	logDir        = "log"
	temporaryDir  = "tmp"
	propertyFile  = "server.properties"
	logConfigFile = "log4j2.properties"
	platformStore = "platform.pem"
	quorumStore   = "controller.pem"
)

//go:embed log4j2.properties
var logConfiguration []byte

func (c *cluster) newNode(record nodeRecord) *node {
	n := &node{cluster: c, record: record}
	n.unit.substrate, n.unit.id, n.unit.name, n.unit.dir = c.substrate, c.id, record.name(), filepath.Join(c.dir, nodeDir(record.Node))
	n.unit.ask, n.unit.look, n.unit.explain = n.askBroker, n.lookAtDisk, n.lastError
	if !record.isBroker() {
		n.unit.ask = n.askController
	} else {
		n.unit.ended = n.stopGateway
	}
	n.shown, n.controller = readLifetime(filepath.Join(n.dir, platformStore)), readLifetime(filepath.Join(n.dir, quorumStore))
	return n
}

func (n *node) data() string { return filepath.Join(n.dir, dataDir) }

func (n *node) observe(formatted bool) substrate.Broker {
	b := substrate.Broker{Node: n.record.Node, Lost: formatted && n.lost()}
	at, message := n.state()
	b.Running, b.Starting, b.Stopping, b.Message = at == running, at == starting, at == stopping, message
	n.mu.Lock()
	defer n.mu.Unlock()
	if at == running {
		b.Message = n.disk
	} else if b.Lost && at == stopped {
		b.Message = storageLost
	}
	b.Version, b.Configuration = n.note.Version, maps.Clone(n.note.Configuration)
	b.CertificateIssued, b.CertificateExpires = n.shown.issued, n.shown.expires
	b.ControllerCertificateExpires = n.controller.expires
	return b
}

const storageLost = "its storage is gone: it has to be made anew, once it is proven that what it had is elsewhere"

// lost reports whether there is no formatted storage.
func (n *node) lost() bool {
	id, err := engine.DirectoryID(n.data())
	return err == nil && id == ""
}

// forget makes the unit one that was never started.
func (n *node) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.message = "its storage was made anew, and it has not been started since"
}

// stopGateway ends the gateway beside a broker that was stopped: its clients have heard of the new leaders by then.
func (n *node) stopGateway() {
	n.cluster.mu.Lock()
	gateway := n.cluster.gateways[n.record.Node]
	n.cluster.mu.Unlock()
	if gateway == nil {
		return
	}
	if _, err := gateway.stop(gatewayGrace); err != nil {
		n.substrate.config.Logger.Warn("a gateway cannot be stopped", "physical_cluster", n.id, "process", gateway.name, "error", err)
	}
}

// start starts the node with the version and configuration of a spec. It returns once the JVM was started, or, where
// that version of Apache Kafka has to be fetched first, at once.
func (n *node) start(spec orrery.PSCSpec) error {
	if err := checkSpec(spec); err != nil {
		return err
	}
	i, _ := n.cluster.record.find(n.record.Node)
	if n.cluster.record.Nodes[i].Formatted && n.lost() && !n.began() {
		return orrery.Errorf(orrery.Unavailable, "%s of %s: %s", n.name, n.id, storageLost)
	}
	wanted := n.substrate.installations.get(n.substrate.ctx, spec.Version, &n.substrate.watching)
	attempt, found, err := n.begin(isStarting, n.differs(spec))
	if err != nil || !found {
		return err
	}
	select {
	case <-wanted.done:
		return n.startWith(attempt, wanted, spec)
	default:
	}
	n.setInstalling(attempt, spec.Version, wanted)
	n.substrate.watching.Go(func() {
		<-wanted.done // the installation ends with the substrate
		n.cluster.acting.Lock()
		defer n.cluster.acting.Unlock()
		if err := n.startWith(attempt, wanted, spec); err != nil {
			n.substrate.config.Logger.Warn("a broker could not be started", "physical_cluster", n.id, "process", n.name, "error", err)
		}
		n.changed()
	})
	return nil
}

// differs reports whether a spec starts the node otherwise than it was started last.
func (n *node) differs(spec orrery.PSCSpec) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.note.Version != spec.Version || !maps.Equal(n.note.Configuration, spec.Configuration)
}

func (n *node) setInstalling(attempt int, version string, wanted *installation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attempt == attempt && n.process == nil {
		n.message = "Apache Kafka " + version + " is being made ready"
		if doing := wanted.doing(); doing != "" {
			n.message += ": " + doing
		}
	}
}

// startWith starts the JVM. The caller holds acting.
func (n *node) startWith(attempt int, wanted *installation, spec orrery.PSCSpec) error {
	if !n.wanted(attempt) || n.substrate.ctx.Err() != nil {
		return nil
	}
	err := wanted.err
	if err == nil {
		err = n.prepare(wanted.value, spec)
	}
	if err == nil {
		err = n.launch(attempt, n.command(wanted.value), note{Version: spec.Version, Configuration: maps.Clone(spec.Configuration)})
	}
	if err != nil {
		n.fail(attempt, err)
		return fmt.Errorf("starting %s of %s: %w", n.name, n.id, err)
	}
	return nil
}

// prepare makes everything that the JVM needs: storage, certificates, configuration.
func (n *node) prepare(installation engine.Installation, spec orrery.PSCSpec) error {
	for _, dir := range []string{logDir, temporaryDir} {
		if err := os.MkdirAll(filepath.Join(n.dir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := n.format(installation); err != nil {
		return err
	}
	if err := n.issue(); err != nil {
		return err
	}
	i, _ := n.cluster.record.find(n.record.Node)
	properties, err := n.cluster.server(n.cluster.record.Nodes[i], spec).Properties()
	if err != nil {
		return err
	}
	return errors.Join(
		durable.WriteFile(filepath.Join(n.dir, propertyFile), properties, 0o600),
		durable.WriteFile(filepath.Join(n.dir, logConfigFile), logConfiguration, 0o600))
}

// format makes the storage of a node that never had any, or whose was condemned.
func (n *node) format(installation engine.Installation) error {
	c := n.cluster
	i, _ := c.record.find(n.record.Node)
	r := c.record.Nodes[i]
	if r.Formatted {
		return nil
	}
	if id, err := engine.DirectoryID(n.data()); err != nil {
		return err
	} else if id != "" && id != r.DirectoryID { // a crash in the middle of ReplaceStorage
		if err := os.RemoveAll(n.data()); err != nil {
			return err
		}
	}
	storage := engine.Storage{ClusterID: c.record.KafkaClusterID, NodeID: r.Node, DirectoryID: r.DirectoryID, ControllerListener: listenerController}
	if r.Founder {
		storage.Voters = c.voters()
	}
	if err := installation.Format(n.data(), storage, c.substrate.config.Now()); err != nil {
		return err
	}
	changed := c.record
	changed.Nodes = append([]nodeRecord{}, changed.Nodes...)
	changed.Nodes[i].Formatted = true
	return c.change(changed)
}

// command is the JVM's. Names in server.properties are relative to its working directory, so that the directory can be
// moved.
func (n *node) command(installation engine.Installation) detached.Command {
	jvm := n.substrate.config.JVM
	if jvm.HeapMiB == 0 {
		jvm.HeapMiB = heapMiB(n.record.isBroker())
	}
	jvm.Options = append([]string{
		"-XX:-UsePerfData", "-Djava.io.tmpdir=" + filepath.Join(n.dir, temporaryDir), "-Dlog4j2.configurationFile=" + logConfigFile,
	}, jvm.Options...)
	return detached.Command{
		Path: installation.Java, Arguments: installation.Arguments(jvm, engine.ServerClass, propertyFile), Environment: detached.Environment(),
	}
}

// lastError is the last error that the node logged in this run, with the exception that belongs to it, or what the JVM
// itself said.
func (n *node) lastError() string {
	lines := strings.Split(engine.Tail(filepath.Join(n.dir, logDir, "server.log"), 200), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if !strings.Contains(lines[i], " ERROR ") && !strings.Contains(lines[i], " FATAL ") {
			continue
		}
		if i+1 < len(lines) && exceptionLine.MatchString(lines[i+1]) {
			return lines[i] + ": " + lines[i+1]
		}
		return lines[i]
	}
	return lastLine(n.dir)
}

// exceptionLine begins with the name of an exception's class.
var exceptionLine = regexp.MustCompile(`^[a-z]+(\.\w+)+`)

// lastLine is the last line that a process wrote to its standard output and error; "" for none.
func lastLine(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, outputFile))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// renew replaces the certificate of the node's own listeners, in place where it runs.
func (n *node) renew(ctx context.Context) error {
	if !n.record.isBroker() {
		return orrery.Errorf(orrery.Invalid, "%s of %s has no listeners but the controllers', whose certificate only a restart replaces", n.name, n.id)
	}
	if err := n.issuePlatform(); err != nil {
		return err
	}
	if at, _ := n.state(); at != running {
		n.mu.Lock()
		n.shown = readLifetime(filepath.Join(n.dir, platformStore))
		n.mu.Unlock()
		return nil
	}
	return n.takeCertificate(ctx)
}
