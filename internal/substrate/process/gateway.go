package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// Files of a gateway's and of the balancer's directory.
const (
	gatewayCertificate = "platform.pem"
	gatewayKey         = "platform-key.pem"
	passwordFile       = "tenants-password"
	socketKafka        = "kafka.sock"
	socketREST         = "rest.sock"
	socketAdmin        = "admin.sock"
	roleLog            = "log"
)

const (
	// gatewayGrace is how long a gateway or a balancer may take to end.
	gatewayGrace = 15 * time.Second
	// balancerPatience is how long an action waits for a balancer to listen, which it does at once.
	balancerPatience = 10 * time.Second
)

// roleLogFile bounds the log of a gateway or balancer.
var roleLogFile = LogFile{File: roleLog, MaxBytes: 16 << 20, Files: 8}

// auditLogFile bounds a gateway's audit log.
var auditLogFile = LogFile{File: "audit.log", MaxBytes: 16 << 20, Files: 2}

func (c *cluster) newRole(name, dir string) *unit {
	u := &unit{substrate: c.substrate, id: c.id, name: name, dir: filepath.Join(c.dir, dir), askAgain: true}
	u.ask = func(ctx context.Context) error { return askReady(ctx, filepath.Join(u.dir, socketAdmin)) }
	u.explain = func() string { return lastLine(u.dir) }
	return u
}

func (c *cluster) newGateway(n int32) *unit {
	return c.newRole(fmt.Sprintf("gateway %d", n), gatewayDir(n))
}

func (c *cluster) newBalancer() *unit { return c.newRole("the balancer", balancerDir) }

// startGateway starts the gateway beside a broker that runs.
func (c *cluster) startGateway(n int32) error {
	u := c.gateways[n]
	if at, _ := u.state(); at == starting || at == running {
		return nil
	}
	if at, _ := c.nodes[n].state(); at != running {
		return orrery.Errorf(orrery.Unavailable, "broker %d of %s does not run, and a gateway without its broker serves nobody", n, c.id)
	}
	if c.public.expires.IsZero() {
		if err := c.renewPublic(); err != nil {
			return err
		}
	}
	if err := c.prepareGateway(n, u.dir); err != nil {
		return fmt.Errorf("starting %s of %s: %w", u.name, c.id, err)
	}
	return c.startRole(u, "gateway", GatewayFileName)
}

// startRole starts this program in a role.
func (c *cluster) startRole(u *unit, role, file string) error {
	attempt, found, err := u.begin(isStarting, false)
	if err != nil || !found {
		return err
	}
	command := detached.Command{
		Path: c.substrate.config.Executable, Arguments: []string{role, "--config", file}, Environment: detached.Environment(),
	}
	if err := u.launch(attempt, command, note{}); err != nil {
		u.fail(attempt, err)
		return fmt.Errorf("starting %s of %s: %w", u.name, c.id, err)
	}
	return nil
}

// prepareGateway writes what the gateway is told.
func (c *cluster) prepareGateway(n int32, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	i, _ := c.record.find(n)
	r, endpoint, address := c.record.Nodes[i], c.record.Endpoints.Brokers[n], c.substrate.private.Address
	seeds := slices.DeleteFunc(c.seeds(), func(seed string) bool { return seed == address(r.PlatformPort) })
	file := GatewayFile{
		PhysicalClusterID: c.id, Node: n, Engine: c.record.Spec.Engine, Version: c.record.Spec.Version,
		Listen:      net.JoinHostPort(endpoint.Host, fmt.Sprint(endpoint.Port)),
		Sockets:     GatewaySockets{Kafka: socketKafka, REST: socketREST, Admin: socketAdmin},
		Certificate: KeyPair{Certificate: filepath.Join("..", publicCertificate), Key: filepath.Join("..", publicKey)},
		Platform: PlatformFile{
			KeyPair:   KeyPair{Certificate: gatewayCertificate, Key: gatewayKey},
			Authority: filepath.Join("..", authorityDir, "ca.pem"), Seeds: append([]string{address(r.PlatformPort)}, seeds...),
		},
		Tenants: TenantsFile{Address: address(r.TenantPort), User: tenantsName, PasswordFile: passwordFile},
		Login:   c.substrate.config.Login, Log: roleLogFile, Audit: auditLogFile,
	}
	if err := file.Check(); err != nil {
		return err
	}
	if err := c.issueGateway(dir); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, passwordFile), []byte(c.record.TenantsPassword+"\n"), 0o600); err != nil {
		return err
	}
	return writeRoleFile(filepath.Join(dir, GatewayFileName), file)
}

func writeRoleFile(path string, file any) error {
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(content, '\n'), 0o600)
}

// startBalancer starts the balancer and waits until it listens.
func (c *cluster) startBalancer(ctx context.Context) error {
	if c.balancer == nil {
		return nil
	}
	if err := c.writeBalancer(); err != nil {
		return err
	}
	if err := c.startRole(c.balancer, "balancer", BalancerFileName); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, balancerPatience)
	defer cancel()
	tick := time.NewTicker(askSoon)
	defer tick.Stop()
	for {
		switch at, message := c.balancer.state(); at {
		case running:
			return nil
		case stopped:
			return orrery.Errorf(orrery.Unavailable, "the balancer of %s ended: %s", c.id, message)
		}
		select {
		case <-ctx.Done():
			return orrery.Errorf(orrery.Unavailable, "the balancer of %s was started and does not listen yet", c.id)
		case <-tick.C:
		}
	}
}

// writeBalancer tells the balancer of the gateways that there are; one that runs reads it.
func (c *cluster) writeBalancer() error {
	if c.balancer == nil {
		return nil
	}
	if err := os.MkdirAll(c.balancer.dir, 0o700); err != nil {
		return err
	}
	file := BalancerFile{
		PhysicalClusterID: c.id, Kafka: c.record.Endpoints.Bootstrap, REST: c.record.Endpoints.REST, Admin: socketAdmin,
		Backends: []BalancerBackend{}, Limits: c.substrate.config.BalancerLimits, Log: roleLogFile,
	}
	for _, n := range c.record.Nodes {
		if n.isBroker() {
			dir := filepath.Join("..", gatewayDir(n.Node))
			file.Backends = append(file.Backends, BalancerBackend{Node: n.Node, Kafka: filepath.Join(dir, socketKafka), REST: filepath.Join(dir, socketREST), Admin: filepath.Join(dir, socketAdmin)})
		}
	}
	if err := file.Check(); err != nil {
		return err
	}
	return writeRoleFile(filepath.Join(c.balancer.dir, BalancerFileName), file)
}

// askReady asks a gateway or balancer whether it takes clients.
func askReady(ctx context.Context, socket string) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return DialSocket(ctx, socket) },
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin"+AdminReady, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	why, err := io.ReadAll(io.LimitReader(response.Body, maxMessage))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(why)))
	}
	return err
}
