package dataplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// port is a port that nobody else gets until the test ends.
func port(t *testing.T) string {
	t.Helper()
	p, err := engine.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Release() })
	return p.Address()
}

// standIn is what a balancer sees of a gateway: it answers each connection with its number, the kind of the socket and
// the client's address.
type standIn struct {
	described process.BalancerBackend
	away      atomic.Bool
}

func startStandIn(t *testing.T, node int32) *standIn {
	t.Helper()
	dir := fmt.Sprintf("gateway-%d", node)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &standIn{described: process.BalancerBackend{Node: node, Kafka: dir + "/kafka.sock", REST: dir + "/rest.sock", Admin: dir + "/admin.sock"}}
	for kind, socket := range map[string]string{"kafka": s.described.Kafka, "rest": s.described.REST} {
		l, err := process.ListenSocket(socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for through := proxyprotocol.NewListener(l, time.Minute); ; {
				conn, err := through.Accept()
				if err != nil {
					return
				}
				go func() {
					fmt.Fprintf(conn, "%d %s %s\n", node, kind, conn.RemoteAddr())
					io.Copy(io.Discard, conn) // until the client leaves
					conn.Close()
				}()
			}
		}()
	}
	l, err := process.ListenSocket(s.described.Admin)
	if err != nil {
		t.Fatal(err)
	}
	a := serveAdmin(l, nil, func() error {
		if s.away.Load() {
			return fmt.Errorf("it is told to be away")
		}
		return nil
	}, slog.New(slog.DiscardHandler), nil)
	t.Cleanup(func() { a.close() })
	return s
}

// connect returns what a stand-in says to a client of an address, and the client.
func connect(t *testing.T, address string) (said string, conn net.Conn) {
	t.Helper()
	poll.Success(t, func() (err error) {
		if conn, err = net.Dial("tcp", address); err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(time.Minute))
		line := make([]byte, 200)
		n, err := conn.Read(line)
		if err != nil {
			conn.Close()
			return err
		}
		said = strings.TrimSpace(string(line[:n]))
		return nil
	})
	t.Cleanup(func() { conn.Close() })
	return said, conn
}

func writeRole(t *testing.T, path string, file any) {
	t.Helper()
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, content)
}

// ask returns the status and the body of an administration socket.
func ask(t *testing.T, socket, path string) (int, string) {
	t.Helper()
	response, err := Ask(t.Context(), socket, path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func awaitReady(t *testing.T, socket string) {
	t.Helper()
	poll.Success(t, func() error {
		if status, body := ask(t, socket, process.AdminReady); status != http.StatusOK {
			return fmt.Errorf("%d: %s", status, body)
		}
		return nil
	})
}

// run runs a role until the returned function ends it; that returns the role's error.
func run(t *testing.T, role func(context.Context) error) (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- role(ctx) }()
	end = func() error {
		cancel()
		select {
		case err := <-done:
			done <- err
			return err
		case <-time.After(time.Minute):
			return fmt.Errorf("the role does not end")
		}
	}
	t.Cleanup(func() { end() })
	return end
}

// TestBalancer: connections reach gateways with the address of their client, not those that are away, and those of a
// file that was replaced; the end closes everything.
func TestBalancer(t *testing.T) {
	t.Chdir(t.TempDir())
	zero, one, two := startStandIn(t, 0), startStandIn(t, 1), startStandIn(t, 2)
	file := process.BalancerFile{
		PhysicalClusterID: "pkc-a", Kafka: port(t), REST: port(t), Admin: "admin.sock",
		Backends: []process.BalancerBackend{zero.described, one.described},
		Log:      process.LogFile{File: "log", MaxBytes: 1 << 20, Files: 1},
	}
	writeRole(t, process.BalancerFileName, file)
	role := func(ctx context.Context) error { return RunBalancer(ctx, process.BalancerFileName) }
	end := run(t, role)
	awaitReady(t, file.Admin)
	for kind, address := range map[string]string{"kafka": file.Kafka, "rest": file.REST} {
		said, conn := connect(t, address)
		if want := " " + kind + " " + conn.LocalAddr().String(); !strings.HasSuffix(said, want) {
			t.Errorf("a gateway saw %q, want %q", said, want)
		}
	}
	if err := role(t.Context()); orrery.ErrorCode(err) != orrery.Conflict {
		t.Errorf("a second one with the same configuration: %v", err)
	}
	// Each of twenty in a row goes to the gateways of a set, and each of the set gets some.
	reach := func(want string) {
		t.Helper()
		poll.Success(t, func() error {
			seen := map[string]bool{}
			for range 20 {
				said, conn := connect(t, file.Kafka)
				conn.Close()
				node, _, _ := strings.Cut(said, " ")
				if seen[node] = true; !strings.Contains(want, node) {
					return fmt.Errorf("gateway %s is reached, want %s", node, want)
				}
			}
			if len(seen) != len(want) {
				return fmt.Errorf("%v are reached, want %s", seen, want)
			}
			return nil
		})
	}
	reach("01")
	zero.away.Store(true)
	reach("1")
	one.away.Store(true)
	reach("01") // it is more likely that the question fails
	one.away.Store(false)
	reach("1")
	file.Backends = []process.BalancerBackend{one.described, two.described}
	writeRole(t, process.BalancerFileName, file)
	reach("12")
	put(t, process.BalancerFileName, []byte("{"))
	poll.Until(t, "the file to be refused", func() bool {
		_, metrics := ask(t, file.Admin, AdminMetrics)
		return strings.Contains(metrics, `orrery_balancer_configuration_reloads_total{physical_cluster="pkc-a",result="refused"} 1`)
	})
	reach("12")
	_, open := connect(t, file.Kafka)
	if err := end(); err != nil {
		t.Errorf("ending: %v", err)
	}
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives its balancer")
	}
	if conn, err := net.Dial("tcp", file.Kafka); err == nil {
		conn.Close()
		t.Error("the address still takes connections")
	}
}

// TestAddressIsTaken: a role waits for its address, and says meanwhile why it is not ready.
func TestAddressIsTaken(t *testing.T) {
	t.Chdir(t.TempDir())
	address := port(t)
	taken, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := process.BalancerFile{
		PhysicalClusterID: "pkc-a", Kafka: port(t), REST: address, Admin: "admin.sock",
		Log: process.LogFile{File: "log", MaxBytes: 1 << 20, Files: 1},
	}
	writeRole(t, process.BalancerFileName, file)
	end := run(t, func(ctx context.Context) error { return RunBalancer(ctx, process.BalancerFileName) })
	poll.Until(t, "it to say that its address is taken", func() bool {
		status, body := ask(t, file.Admin, process.AdminReady)
		return status == http.StatusServiceUnavailable && strings.Contains(body, "address already in use")
	})
	if status, _ := ask(t, file.Admin, process.AdminHealth); status != http.StatusOK {
		t.Errorf("it is not in order: %d", status)
	}
	taken.Close()
	awaitReady(t, file.Admin)
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestGatewayWithoutBroker: a gateway whose broker does not answer waits, says so, and ends when it is told to; what is
// wrong with its files it says at once, without any secret.
func TestGatewayWithoutBroker(t *testing.T) {
	t.Chdir(t.TempDir())
	root := authority(t)
	file := process.GatewayFile{
		PhysicalClusterID: "pkc-a", Engine: orrery.EngineApache, Version: "4.3.1", Listen: port(t),
		Sockets:     process.GatewaySockets{Kafka: "kafka.sock", REST: "rest.sock", Admin: "admin.sock"},
		Certificate: process.KeyPair{Certificate: "c.pem", Key: "k.pem"},
		Platform:    process.PlatformFile{KeyPair: process.KeyPair{Certificate: "pc.pem", Key: "pk.pem"}, Authority: "ca.pem", Seeds: []string{port(t)}},
		Tenants:     process.TenantsFile{Address: port(t), User: "tenants", PasswordFile: "password"},
		Log:         process.LogFile{File: "log", MaxBytes: 1 << 20, Files: 1},
		Audit:       process.LogFile{File: "audit.log", MaxBytes: 1 << 20, Files: 1},
	}
	if err := file.Check(); err != nil {
		t.Fatal(err)
	}
	putPair(t, file.Certificate, issue(t, root))
	putPair(t, file.Platform.KeyPair, issue(t, root))
	put(t, file.Platform.Authority, root.RootPEM())
	const password = "a-long-password"
	put(t, file.Tenants.PasswordFile, []byte(password))
	for path, want := range map[string]string{"c.pem": "the certificate for clients: ", "pk.pem": "the certificate for brokers: ", "ca.pem": "authorities", "password": "is empty"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, bytes.Repeat([]byte("\n"), 3))
		if err := RunGateway(t.Context(), file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is empty: %v, want %q", path, err, want)
		}
		put(t, path, content)
	}
	end := run(t, func(ctx context.Context) error { return RunGateway(ctx, file) })
	poll.Until(t, "it to say that it reads its state", func() bool {
		status, body := ask(t, file.Sockets.Admin, process.AdminReady)
		return status == http.StatusServiceUnavailable && strings.Contains(body, errReading.Error())
	})
	if status, body := ask(t, file.Sockets.Admin, AdminDiagnostics+"?format=json"); status != http.StatusOK || !strings.Contains(body, `"ready":false`) {
		t.Errorf("diagnostics: %d, %s", status, body)
	}
	if status, body := ask(t, file.Sockets.Admin, AdminMetrics); status != http.StatusOK || !strings.Contains(body, `orrery_gateway_connections{node="0",physical_cluster="pkc-a"} 0`) {
		t.Errorf("metrics: %d, %s", status, body)
	}
	if _, err := os.Stat(file.Sockets.Kafka); err == nil {
		t.Error("a balancer can connect to a gateway that does not serve")
	}
	if err := end(); err != nil {
		t.Errorf("ending: %v", err)
	}
	for _, name := range []string{"log", "audit.log"} {
		if content, err := os.ReadFile(filepath.Clean(name)); err != nil || strings.Contains(string(content), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
