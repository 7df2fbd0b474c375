package fault

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/fault/load"
)

// javaProducer is the command line of the Java producer.
func javaProducer(t *testing.T, bootstrap, key, secret, caFile string) []string {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	libraries := filepath.Join(root, ".cache", "java")
	if _, err := os.Stat(libraries); err != nil {
		t.Fatalf("the Java client is missing (%v): make clients", err)
	}
	return []string{
		"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", libraries + "/*",
		filepath.Join(root, "test", "clients", "java", "Load.java"), bootstrap, key, secret, caFile,
	}
}

// TestJavaProducer has the Java producer write the records that the load checks, and a gateway that it has to come back
// to.
func TestJavaProducer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	c := gatewaytest.Start(t, gatewaytest.Options{Processes: true, Engine: kafkatest.Embedded})
	key := c.Admin(c.Tenant(tenant))
	_, err := kadm.NewClient(c.Client(key)).CreateTopic(within(t), partitions, 1, nil, topic)
	must(t, err)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	chain := c.ServerTLS.Certificates[0].Certificate
	must(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1]}), 0o600))
	l, err := load.Start(within(t), load.Config{
		Client: c.ClientOptions(key), Topic: topic, Partitions: partitions, Interval: 5 * time.Millisecond, RequestTimeout: 5 * time.Second,
		Programs: [][]string{javaProducer(t, c.Endpoints.Bootstrap, key.ID, key.Secret, caFile)},
	})
	must(t, err)
	t.Cleanup(l.Abandon)
	c.Kill(0)
	c.Restart(0)
	must(t, l.Settle(within(t)))
	finish(t, l)
}
