package gateway_test

import (
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// Kafka's own command sets and shows client quotas.
func TestKafkaConfigs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	gatewaytest.EmbeddedOnly(t, "client quotas end in the gateway")
	kafka, err := engine.Install(testContext(t), engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	chain := c.ServerTLS.Certificates[0].Certificate
	properties := filepath.Join(t.TempDir(), "client.properties")
	text := strings.Join([]string{"security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "ssl.truststore.type=PEM",
		"ssl.truststore.certificates=" + strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[len(chain)-1]})), "\n", " \\\n"), "",
		fmt.Sprintf("sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;", r.key.ID, r.key.Secret)}, "\n")
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	configs := func(arguments ...string) string {
		t.Helper()
		arguments = append([]string{"--bootstrap-server", c.Endpoints.Bootstrap, "--command-config", properties}, arguments...)
		command := exec.CommandContext(testContext(t), kafka.Java, kafka.Arguments(engine.JVM{FirstTierOnly: true, LogLevel: "OFF"}, "kafka.admin.ConfigCommand", arguments...)...)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	both := []string{"--entity-type", "users", "--entity-name", "sa-guest", "--entity-type", "clients", "--entity-default"}
	if said := configs(append(both, "--alter", "--add-config", "producer_byte_rate=1000000,request_percentage=12.5")...); !strings.Contains(said, "Completed updating") {
		t.Errorf("it says %q", said)
	}
	if got := describeQuotas(t, r.client(), kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 2 || got[0] != "user=sa-guest,client-id=<default> producer_byte_rate=1e+06" {
		t.Errorf("there are %q", got)
	}
	if said := configs(append(both, "--describe")...); !strings.Contains(said, "user-principal 'sa-guest', the default client-id are") || !strings.Contains(said, "producer_byte_rate=1000000.0") || !strings.Contains(said, "request_percentage=12.5") {
		t.Errorf("it says %q", said)
	}
}
