package gatewaytest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// childVariable says to a test binary that it is to be a gateway, see Main.
const childVariable = "ORRERY_TEST_GATEWAY"

// childConfig is what a gateway in a process of its own is told.
type childConfig struct {
	Node   int32
	Engine kafkatest.Engine
	// Brokers are the addresses at which tenants' requests reach the brokers, Seeds those for the gateway's own.
	Brokers, Seeds []string
	Listen         string
	Certificate    [][]byte
	PrivateKey     []byte
}

// child is a gateway in a process of its own: a copy of the test binary, so that it can be killed.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	exited  chan struct{}
}

// startChild starts the gateway of a node and returns when it serves at its address.
func (c *Cluster) startChild(node int32) {
	c.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	config := childConfig{Node: node, Engine: c.Kafka.Engine, Seeds: c.Control().Seeds}
	for _, b := range c.Kafka.Brokers {
		config.Brokers = append(config.Brokers, b.LoginAddress)
	}
	endpoint := c.Endpoints.Brokers[node]
	config.Listen = net.JoinHostPort(endpoint.Host, fmt.Sprint(endpoint.Port))
	config.Certificate, config.PrivateKey = c.ServerTLS.Certificates[0].Certificate, pkcs8(c, c.ServerTLS.Certificates[0].PrivateKey.(*ecdsa.PrivateKey))
	input, err := json.Marshal(config)
	if err != nil {
		c.t.Fatal(err)
	}
	command := []string{binary}
	if len(c.hosts) > 0 {
		command = append(slices.Clone(c.hosts[node].Command), binary)
	}
	p := &child{command: exec.Command(command[0], command[1:]...), exited: make(chan struct{})}
	p.command.Env = append(os.Environ(), childVariable+"=1")
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err == nil {
		p.stdin, err = p.command.StdinPipe()
	}
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.children[node], p.stdout = p, bufio.NewReader(out)
	ready := make(chan bool, 1)
	go func() {
		defer close(p.exited)
		line, _ := p.stdout.ReadString('\n')
		ready <- line == "ready\n"
		_ = p.command.Wait() // killed, or told to end
	}()
	if _, err := p.stdin.Write(append(input, '\n')); err != nil {
		c.t.Fatal(err)
	}
	select {
	case ok := <-ready:
		if !ok {
			c.t.Fatalf("the gateway %d ended before it served", node)
		}
	case <-time.After(2 * patience):
		c.t.Fatalf("the gateway %d did not become ready", node)
	}
}

// Kill ends the process of a node's gateway as SIGKILL does (Options.Processes).
func (c *Cluster) Kill(node int32) {
	c.t.Helper()
	p := c.children[node]
	if err := p.command.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	<-p.exited
}

// Stop ends the process of a node's gateway as an operator does: it says goodbye (Options.Processes).
func (c *Cluster) Stop(node int32) {
	c.t.Helper()
	p := c.children[node]
	if err := p.stdin.Close(); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		c.t.Fatalf("the gateway %d did not stop", node)
	}
}

// Why asks the process of a node's gateway why requests were refused, as the owner of a key (Options.Processes).
func (c *Cluster) Why(node int32, key Key) gateway.Why {
	c.t.Helper()
	p := c.children[node]
	var why gateway.Why
	_, err := fmt.Fprintln(p.stdin, key.ID, key.Secret)
	if err == nil {
		var line []byte
		if line, err = p.stdout.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &why)
		}
	}
	if err != nil {
		c.t.Fatalf("asking the gateway %d why: %v", node, err)
	}
	return why
}

// Restart starts the process of a node's gateway again, at its old address.
func (c *Cluster) Restart(node int32) {
	c.t.Helper()
	c.startChild(node)
}

func (c *Cluster) endChildren() {
	for _, p := range c.children {
		_ = p.command.Process.Kill() // unless it has ended
		<-p.exited
	}
}

// runChild is the process of a gateway: it reads its configuration, serves, says why it refused something when it reads
// a key, and ends when its parent says so or is gone.
func runChild() int {
	in := bufio.NewReader(os.Stdin)
	if err := serveChild(in); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		return 1
	}
	return 0
}

func serveChild(in *bufio.Reader) error {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var config childConfig
	if err := json.Unmarshal(line, &config); err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(config.PrivateKey)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return err
	}
	dialer := new(net.Dialer)
	dialBroker := func(ctx context.Context, node int32) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", config.Brokers[node])
	}
	control := gateway.Control{Seeds: config.Seeds}
	if config.Engine == kafkatest.Apache {
		dialBroker, control.Dial = tenantsLogin.DialBroker(dialBroker), controlLogin.Dial(dialer.DialContext)
	}
	p, err := Run(context.Background(), gateway.Config{
		PhysicalClusterID: PhysicalClusterID, Node: config.Node, DialBroker: dialBroker, Control: control,
		TLS:            &tls.Config{Certificates: []tls.Certificate{{Certificate: config.Certificate, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		EmbeddedEngine: config.Engine == kafkatest.Embedded,
		Logger:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(listener) }()
	select {
	case <-p.Ready():
		fmt.Println("ready")
	case <-p.Done():
	}
	err = errors.Join(answerWhy(p.Gateway, in), p.Close()) // the parent ends it
	if failed := <-served; !errors.Is(failed, net.ErrClosed) {
		err = errors.Join(err, failed)
	}
	return err
}

// answerWhy writes a line with what was refused to the cluster of a key for each line with a key, until there is none.
func answerWhy(g *gateway.Gateway, in *bufio.Reader) error {
	for {
		var key Key
		if _, err := fmt.Fscanln(in, &key.ID, &key.Secret); err != nil {
			return nil
		}
		identity, err := g.Authenticate(netip.Addr{}, key.ID, key.Secret, "")
		if err != nil {
			return err
		}
		why, err := g.Why(context.Background(), gateway.Caller{Identity: identity})
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(why); err != nil {
			return err
		}
	}
}
