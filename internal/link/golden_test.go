package link_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

var update = flag.Bool("update", false, "rewrite the golden messages in api/link")

var goldenDir = filepath.Join("..", "..", "api", "link", "v1")

// golden has one message of each kind, with every field set, so that a field that is renamed or dropped shows.
func golden(t *testing.T) map[string]link.Message {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	generation := orrery.Generation{Term: 1, Number: 7}
	verifier := orrery.SCRAMVerifier{Salt: []byte("salt"), Iterations: 4096, StoredKey: []byte("stored"), ServerKey: []byte("server")}
	capacity := orrery.Capacity{LogicalClusters: 1000, Partitions: 3000, Connections: 9000, IngressBytesPerSecond: 1 << 28, EgressBytesPerSecond: 1 << 29, StorageBytes: 1 << 40, Brokers: 30}
	conditions := []orrery.Condition{{Type: orrery.ConditionReady, Status: orrery.False, Reason: "BrokerStopped", Message: "broker 2 is stopped", Since: at}}
	contents := map[string]struct {
		kind, id string
		deleted  bool
		content  any
	}{
		"psc": {orrery.DesiredPSC, "pkc-bcdf01", false, orrery.PSCSpec{
			Kind: orrery.KindKafka, Type: "Dedicated", Cloud: "AWS", Region: "us-east-1", CKU: 2, Profile: "kafka-1", Engine: orrery.EngineEmbedded, Version: "1",
			Brokers: 3, Gateways: true, StorageBytes: 1 << 40, Configuration: map[string]string{"message.max.bytes": "8388608"}, Capacity: capacity}},
		"tenant": {orrery.DesiredTenant, "lkc-bcdf02", true, tenancy.Tenant{
			PhysicalClusterID: "pkc-bcdf01", LogicalClusterID: "lkc-bcdf02", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000", EnvironmentID: "env-bcdf03",
			Type: "Basic", MaxPartitions: 2048, ReplicationFactor: 3, Quotas: orrery.Quotas{IngressBytesPerSecond: 1, EgressBytesPerSecond: 2, RequestsPerSecond: 3,
				RequestMillisecondsPerSecond: 4, Connections: 5, ConnectionAttemptsPerSecond: 6, Partitions: 2048, PartitionChangesPerFiveMinutes: 7,
				ProducerIDsPerHour: 8, Groups: 9, MessageBytes: 10, ACLs: 11}}},
		"credential": {orrery.DesiredCredential, "pkc-bcdf01/ABCDEFGHIJKLMNOP", false, tenancy.Credential{
			PhysicalClusterID: "pkc-bcdf01", APIKeyID: "ABCDEFGHIJKLMNOP", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000", LogicalClusterID: "lkc-bcdf02", OwnerID: "sa-bcdf04",
			Verifiers: orrery.Verifiers{Plain: orrery.PlainVerifier{Salt: []byte("salt"), Hash: []byte("hash")}, SCRAMSHA256: verifier, SCRAMSHA512: verifier}}},
		"binding": {orrery.DesiredBinding, "pkc-bcdf01/rb-bcdf05", false, tenancy.Binding{
			PhysicalClusterID: "pkc-bcdf01", RoleBindingID: "rb-bcdf05", Principal: "User:sa-bcdf04", RoleName: "CloudClusterAdmin", CRNPattern: "crn://confluent.cloud/organization=o/environment=env-bcdf03/cloud-cluster=lkc-bcdf02"}},
		"identity-provider": {orrery.DesiredIdentityProvider, "pkc-bcdf01/op-bcdf07", false, tenancy.IdentityProvider{
			PhysicalClusterID: "pkc-bcdf01", IdentityProviderID: "op-bcdf07", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000",
			Issuer: "https://idp.example.com", JWKSURI: "https://idp.example.com/keys", Audiences: []string{"kafka"}}},
		"identity-pool": {orrery.DesiredIdentityPool, "pkc-bcdf01/pool-bcdf08", false, tenancy.IdentityPool{
			PhysicalClusterID: "pkc-bcdf01", IdentityPoolID: "pool-bcdf08", IdentityProviderID: "op-bcdf07", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000",
			IdentityClaim: "claims.sub", Filter: `claims.group == "eng"`}},
		"certificate-pool": {orrery.DesiredIdentityPool, "pkc-bcdf01/pool-bcdf09", false, tenancy.IdentityPool{
			PhysicalClusterID: "pkc-bcdf01", IdentityPoolID: "pool-bcdf09", IdentityProviderID: "op-bcdf0b", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000",
			IdentityClaim: "CN", Filter: `O == "Example"`, Certificates: true, LogicalClusterID: "lkc-bcdf02", CreatedAt: at}},
		"certificate-authority": {orrery.DesiredCertificateAuthority, "pkc-bcdf01/op-bcdf0b", false, tenancy.CertificateAuthority{
			PhysicalClusterID: "pkc-bcdf01", CertificateAuthorityID: "op-bcdf0b", OrganizationID: "3f1d7a52-0000-4000-8000-000000000000",
			CertificateChain: "-----BEGIN CERTIFICATE-----\n", RevocationLists: "-----BEGIN X509 CRL-----\n"}},
		"key-set-status": {orrery.DesiredIdentityProvider, "pkc-bcdf01/op-bcdf07", false, orrery.Status{
			Generation: generation, Applied: true, KeySet: &orrery.KeySetStatus{
				Keys:    []orrery.PublicKey{{KeyType: "RSA", KeyID: "k1", Algorithm: "RS256", Use: "sig"}},
				Fetched: orrery.Condition{Type: orrery.ConditionKeysFetched, Status: orrery.False, Reason: "FetchFailed", Message: "the server answers 500", Since: at}}}},
		"usage-status": {orrery.DesiredTenant, "lkc-bcdf02", false, orrery.Status{
			Generation: generation, Applied: true, Usage: &orrery.UsageReport{
				Usage: orrery.Usage{IngressBytes: 1, EgressBytes: 2, ProducedBytes: 3, ProducedRecords: 4, FetchedBytes: 5, Requests: 6, ConnectionMillis: 7}, At: at,
				Stored: orrery.StoredUsage{Since: at, At: at, Partitions: 8, Bytes: 9, PartitionSeconds: 10, ByteSeconds: 11, AppendedRecords: 12, UncountedRecords: 13}}}},
		"salt-key": {orrery.DesiredSaltKey, "pkc-bcdf01", false, tenancy.SaltKey{PhysicalClusterID: "pkc-bcdf01", Key: []byte("01234567890123456789012345678901")}},
		"status": {orrery.DesiredPSC, "pkc-bcdf01", false, orrery.Status{
			Generation: generation, Applied: true, Gone: true, Reason: "BrokerStopped", PSC: &orrery.PSCStatus{
				ObservedGeneration: generation, Conditions: conditions, Gone: true, Brokers: []orrery.BrokerStatus{{Node: 2, State: "stopped", Message: "stopped by a fault switch"}},
				Endpoints: orrery.Endpoints{Bootstrap: "127.0.0.1:19092", REST: "127.0.0.1:19093", Brokers: []orrery.BrokerEndpoint{{Node: 2, Host: "127.0.0.1", Port: 19094}}}}}},
		"satellite": {orrery.ReportSatellite, "sat-bcdf06", false, orrery.Satellite{
			ID: "sat-bcdf06", Cloud: "*", Region: "*", Labels: map[string]string{"zone": "a"}, Engine: orrery.EngineEmbedded, Substrate: "inproc", Version: "1.0.0",
			Capacity: capacity, Conditions: conditions, ReportedAt: at, CreatedAt: at, UpdatedAt: at}},
	}
	messages := map[string]link.Message{}
	for name, c := range contents {
		content, err := json.Marshal(c.content)
		if err != nil {
			t.Fatal(err)
		}
		messages[name] = link.Message{Version: 1, Kind: c.kind, ID: c.id, Generation: generation, Deleted: c.deleted, Content: content}
	}
	return messages
}

func TestGoldenMessages(t *testing.T) {
	for name, message := range golden(t) {
		key, value, err := link.Encode(message)
		if err != nil {
			t.Fatal(err)
		}
		record := append(append(append(key, '\n'), value...), '\n')
		file := filepath.Join(goldenDir, name+".txt")
		if *update {
			if err := os.WriteFile(file, record, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(record, want) {
			t.Errorf("%s is encoded as\n%sbut %s has\n%s(a change of the wire format needs a new version; -update rewrites the file)", name, record, file, want)
		}
	}
}

func TestGoldenMessagesAreUnderstood(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.txt"))
	if err != nil || len(files) != len(golden(t)) {
		t.Fatalf("found golden messages %q (%v); want one of each kind", files, err)
	}
	for _, file := range files {
		record, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, value, _ := bytes.Cut(bytes.TrimSuffix(record, []byte("\n")), []byte("\n"))
		old, err := link.Decode(key, value)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		// What a later program would write: a higher version, more fields outside and inside.
		value = bytes.Replace(value, []byte(`{"version":1`), []byte(`{"later":[{}],"version":2`), 1)
		value = bytes.Replace(value, []byte(`"content":{`), []byte(`"content":{"later":{"x":1.0},`), 1)
		later, err := link.Decode(key, value)
		if err != nil {
			t.Fatalf("%s, as a later version: %v", file, err)
		}
		want := bytes.Replace(old.Content, []byte(`{`), []byte(`{"later":{"x":1.0},`), 1)
		if later.Version != 2 || later.Generation != old.Generation || !bytes.Equal(later.Content, want) {
			t.Errorf("%s, as a later version, became %+v", file, later)
		}
		_, again, err := link.Encode(later)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(again, want) {
			t.Errorf("%s lost a field on its way: %s", file, again)
		}
	}
}
