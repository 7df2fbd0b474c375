package satellite

import (
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
)

// Whatever a mothership sends, an item either has a place in one physical cluster under its own key, or a problem.
func FuzzLocate(f *testing.F) {
	f.Add(orrery.DesiredTenant, "lkc-1", []byte(`{"logical_cluster_id":"lkc-1","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredCredential, "pkc-a/K", []byte(`{"api_key_id":"K","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredBinding, "pkc-a/rb-1", []byte(`{"role_binding_id":"rb-1","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredIdentityProvider, "pkc-a/op-1", []byte(`{"identity_provider_id":"op-1","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredCertificateAuthority, "pkc-a/op-1", []byte(`{"certificate_authority_id":"op-1","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredIdentityPool, "pkc-a/pool-1", []byte(`{"identity_pool_id":"pool-1","physical_cluster_id":"pkc-a"}`))
	f.Add(orrery.DesiredSaltKey, "pkc-a", []byte(`{"physical_cluster_id":"pkc-a","key":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}`))
	f.Add(orrery.DesiredTenant, "lkc-", []byte(`null`))
	f.Add("schema", "sr-1", []byte(`{}`))
	f.Fuzz(func(t *testing.T, kind, id string, content []byte) {
		m := link.Message{Kind: kind, ID: id, Content: content}
		at, problem := locate(m)
		if problem != "" {
			return
		}
		last := id[strings.LastIndex(id, "/")+1:]
		if !validPSC.MatchString(at.physicalClusterID) || !strings.HasSuffix(at.stateKey, last) || !strings.HasPrefix(at.stateKey, kind+"/") {
			t.Errorf("%s/%s is located at %+v", kind, id, at)
		}
		if key, ok := locateKey(m); ok && key.physicalClusterID != "" && key != at {
			t.Errorf("%s/%s is located at %+v by its content and at %+v by its key", kind, id, at, key)
		}
	})
}

// What is taken into the ledger can be read again and has the hash of its content.
func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"kind":"kafka","brokers":3,"future":{"b":1,"a":1e400}}`))
	f.Add([]byte(`{"kind":"kafka","brokers":-1}`))
	f.Add([]byte(`{"kind":"kafka","brokers":1} {}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		e := entry{ID: "pkc-a", Generation: orrery.Generation{Number: 1}}
		if e.take(content) != "" {
			return
		}
		l := ledger{files: Directory(t.TempDir())}
		if err := l.write(e); err != nil {
			t.Fatal(err)
		}
		got, err := l.readEntry("pkc-a")
		if err != nil || got.Hash != e.Hash || string(got.Content) != string(e.Content) {
			t.Errorf("%q came back as %q, %v", e.Content, got.Content, err)
		}
	})
}
