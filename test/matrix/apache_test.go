package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

var page = flag.String("page", "", "the file to write TestEveryClient's tables to; default: none")

// apache is the matrix's other engine: brokers of Apache Kafka with a gateway each.
type apache struct {
	cluster *gatewaytest.Cluster
	caFile  string
	made    int
}

func startApache(t *testing.T, brokers int) *apache {
	t.Helper()
	a := &apache{cluster: gatewaytest.Start(t, gatewaytest.Options{Engine: kafkatest.Apache, Own: true, Brokers: brokers}), caFile: filepath.Join(t.TempDir(), "ca.pem")}
	conn, err := tls.Dial("tcp", a.cluster.Endpoints.Bootstrap, a.cluster.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1].Raw})
	if err := os.WriteFile(a.caFile, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// tenants is a source.
func (a *apache) tenants(context.Context, string) (pair [2]target, remove func() error, err error) {
	for i := range pair {
		a.made++
		key := a.cluster.Admin(a.cluster.Tenant(fmt.Sprintf("lkc-%06d", a.made)))
		pair[i] = target{Bootstrap: a.cluster.Endpoints.Bootstrap, Key: key.ID, Secret: key.Secret, CAFile: a.caFile, Cluster: key.Credential.LogicalClusterID}
	}
	return pair, func() error { return nil }, nil
}

// build builds the program.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "orrery")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/orrery").CombinedOutput(); err != nil {
		t.Fatalf("building the program under test: %v\n%s", err, out)
	}
	return binary
}

// TestEveryClient is the whole matrix, on both engines.
func TestEveryClient(t *testing.T) {
	if os.Getenv("ORRERY_SOAK") != "1" {
		t.Skip("it takes ten minutes: ORRERY_SOAK=1 runs it")
	}
	var results []result
	for _, start := range []func() (result, error){
		func() (result, error) {
			return matrix(t.Context(), options{root: "../..", binary: build(t), records: 200})
		},
		func() (result, error) {
			return matrix(t.Context(), options{root: "../..", tenants: startApache(t, 3).tenants, engine: "Apache Kafka " + engine.DefaultVersion + ", three brokers", records: 200})
		},
	} {
		r, err := start()
		if err != nil {
			t.Error(err)
		}
		results = append(results, r)
	}
	if *page != "" {
		if err := os.WriteFile(*page, []byte(markdown(results)), 0o644); err != nil {
			t.Error(err)
		}
	}
}
