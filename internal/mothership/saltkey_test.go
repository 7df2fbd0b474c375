package mothership_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// TestSaltKeys: each physical cluster has one of its own, and it never changes.
func TestSaltKeys(t *testing.T) {
	p := start(t, fixture{sqlite: true})
	keyOf := func(pscID string) []byte {
		t.Helper()
		message, known := p.satellite.known["salt-key/"+pscID]
		var key tenancy.SaltKey
		p.ok(json.Unmarshal(message.Content, &key))
		if !known || message.Generation.Number != 1 || key.PhysicalClusterID != pscID || len(key.Key) != tenancy.SaltKeyBytes {
			t.Fatalf("%s: %v, generation %s, for %q, %d bytes", pscID, known, message.Generation, key.PhysicalClusterID, len(key.Key))
		}
		return key.Key
	}
	big, small := p.usableCluster("big", orrery.TypeDedicated), p.usableCluster("small", orrery.TypeBasic)
	before := keyOf(big.PhysicalClusterID)
	if bytes.Equal(before, keyOf(small.PhysicalClusterID)) {
		t.Error("two physical clusters have the same")
	}
	p.restart()
	p.settle()
	if !bytes.Equal(before, keyOf(big.PhysicalClusterID)) {
		t.Error("it changed with a restart")
	}
}
