package gateway_test

import (
	"os"
	"testing"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// TestMain runs every test on both engines; one that cannot says why (gatewaytest.EmbeddedOnly).
func TestMain(m *testing.M) { os.Exit(gatewaytest.Main(m)) }
