package process_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/balancer"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/proxyprotocol"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// TestMain makes the test binary the program that the substrate starts as gateway and as balancer: the smallest ones
// that do what their files say, so that the substrate is tested without the tenants' side of Kafka.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[2] == "--config" {
		run := map[string]func(context.Context, string) error{"gateway": runGateway, "balancer": runBalancer}[os.Args[1]]
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		if err := run(ctx, os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runGateway forwards what clients send inside TLS to its broker.
func runGateway(ctx context.Context, path string) error {
	file, err := process.ReadGatewayFile(path)
	if err != nil {
		return err
	}
	for _, name := range []string{file.Platform.Certificate, file.Platform.Key, file.Platform.Authority, file.Tenants.PasswordFile} {
		if _, err := os.Stat(name); err != nil {
			return err
		}
	}
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(file.Certificate.Certificate, file.Certificate.Key)
		return &pair, err
	}}
	public, err := net.Listen("tcp", file.Listen)
	if err != nil {
		return err
	}
	hop, err := process.ListenSocket(file.Sockets.Kafka)
	if err != nil {
		return err
	}
	for _, l := range []net.Listener{public, proxyprotocol.NewListener(hop, time.Minute)} {
		go forward(tls.NewListener(l, config), file.Tenants.Address)
	}
	return serveAdmin(ctx, file.Sockets.Admin)
}

func forward(l net.Listener, address string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			broker, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer broker.Close()
			go func() { io.Copy(client, broker); client.Close() }()
			io.Copy(broker, client)
		}()
	}
}

func serveAdmin(ctx context.Context, socket string) error {
	l, err := process.ListenSocket(socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// runBalancer hands connections to the gateways' sockets.
func runBalancer(ctx context.Context, path string) error {
	file, err := process.ReadBalancerFile(path)
	if err != nil {
		return err
	}
	b := balancer.New(balancer.Config{
		Preamble: func(client net.Conn) []byte { return proxyprotocol.Between(client).Append(nil) },
		Backends: func() []balancer.Backend {
			current, err := process.ReadBalancerFile(path)
			if err != nil {
				return nil
			}
			var all []balancer.Backend
			for _, backend := range current.Backends {
				all = append(all, balancer.Backend{
					Name: backend.Kafka, Healthy: func() bool { return true },
					Dial: func(ctx context.Context) (net.Conn, error) { return process.DialSocket(ctx, backend.Kafka) },
				})
			}
			return all
		},
	})
	l, err := net.Listen("tcp", file.Kafka)
	if err != nil {
		return err
	}
	go b.Serve(l)
	return serveAdmin(ctx, file.Admin)
}

func install(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
	return engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Version: version, Progress: progress})
}

func spec(brokers int, gateways bool) orrery.PSCSpec {
	return orrery.PSCSpec{
		Kind: orrery.KindKafka, Type: orrery.TypeMultiTenant, Cloud: "AWS", Region: "us-east-1", Profile: "kafka-1",
		Engine: orrery.EngineApache, Version: engine.DefaultVersion, Brokers: brokers, Gateways: gateways, StorageBytes: 1 << 30,
		Configuration: map[string]string{
			"message.max.bytes": "8388608", "offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0",
			"controller.quorum.election.timeout.ms": "500", "controller.quorum.election.backoff.max.ms": "200",
		},
	}
}

// config is a substrate's on a directory, with a certificate authority of its own.
func config(t *testing.T, dir string, from, to int) process.Config {
	t.Helper()
	root, err := pki.OpenRoot(filepath.Join(dir, "pki"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := pki.OpenIntermediate(filepath.Join(dir, "satellite"), root, "Orrery sat-test", pki.Loopback(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return process.Config{
		Dir: filepath.Join(dir, "clusters"), PortsFrom: from, PortsTo: to, Authority: intermediate, Install: install,
		JVM:    engine.JVM{HeapMiB: 192, FirstTierOnly: true},
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}
