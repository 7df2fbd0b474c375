package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// clusterSeen asks as whom and in which cluster a client is.
func (r *rawClient) clusterSeen() string {
	r.t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Version, request.Topics = 9, []kmsg.MetadataRequestTopic{}
	return *r.ask(request).(*kmsg.MetadataResponse).ClusterID
}

// told reports whether the owner of a key can read that a certificate was refused, and why.
func told(t testing.TB, c *gatewaytest.Cluster, key gatewaytest.Key, why string) bool {
	t.Helper()
	return slices.ContainsFunc(whyOf(t, c, key), func(e gateway.Entry) bool { return describes(e, "rule=certificate", why) })
}

// TestClientCertificates: a certificate of a tenant's authority logs in without SASL, as the pool that lets it in, to
// the cluster of that pool and to no other; with SASL it says nothing.
func TestClientCertificates(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	keyB := c.Admin(b)
	rootA, rootB := newSigner(t, "A", nil), newSigner(t, "B", nil)
	trustSigner(c, a, "aaaaaa", rootA)
	trustSigner(c, b, "bbbbbb", rootB)
	createTopic(t, c, "lkc-aaaaaa_orders", 1)

	produceOne(t, withCertificate(t, c, rootA.client("svc-orders", nil)), "orders", "by certificate")
	for id, s := range map[string]*signer{"lkc-aaaaaa": rootA, "lkc-bbbbbb": rootB} {
		if got := dialHolding(t, c, c.Endpoints.Bootstrap, s.client("x", nil)).clusterSeen(); got != id {
			t.Errorf("a certificate for %s leads to %s", id, got)
		}
	}
	for _, with := range []tls.Certificate{rootA.client("svc-orders", nil), newSigner(t, "stranger", nil).client("x", nil)} {
		r := dialHolding(t, c, c.Endpoints.Bootstrap, with)
		if response := r.logIn(keyB.ID, keyB.Secret); response.ErrorCode != 0 {
			t.Errorf("SASL with a certificate that is not for it: %s", *response.ErrorMessage)
		}
		if got := r.clusterSeen(); got != "lkc-bbbbbb" {
			t.Errorf("SASL with a certificate leads to %s", got)
		}
	}
	r := dialHolding(t, c, c.Endpoints.Bootstrap, rootA.client("svc-orders", nil))
	r.clusterSeen()
	if code := r.handshake("PLAIN").ErrorCode; code != kerr.IllegalSaslState.Code {
		t.Errorf("SASL after the certificate was used: error %d", code)
	}
	r.clusterSeen()
}

// TestRefusedCertificates: none of them logs in, and the tenant that can do something about it reads why.
func TestRefusedCertificates(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	root, lost := newSigner(t, "A", nil), newSigner(t, "lost", nil)
	keyA, keyB := c.Admin(a), c.Admin(b)
	trustSigner(c, a, "aaaaaa", root)
	revoked := root.client("revoked", nil)
	c.Put(tenancy.StateCertificateAuthority, "op-aaaaaa", uploaded(a, "op-aaaaaa", root.revoke(revoked), root))
	// A pool whose cluster is somebody else's, and one of somebody else for this authority.
	elsewhere := poolOf(b, "op-cccccc", "pool-cccccc", "true", time.Now())
	elsewhere.OrganizationID = a.OrganizationID
	c.Put(tenancy.StateIdentityPool, "pool-cccccc", elsewhere)
	c.Put(tenancy.StateCertificateAuthority, "op-cccccc", uploaded(a, "op-cccccc", "", lost))
	c.Put(tenancy.StateIdentityPool, "pool-dddddd", poolOf(b, "op-aaaaaa", "pool-dddddd", "true", time.Now().Add(-time.Hour)))

	between := newSigner(t, "between", root)
	sent := between.client("x", nil)
	sent.Certificate = append(sent.Certificate, between.certificate.Raw)
	for _, test := range []struct {
		name string
		with tls.Certificate
		why  string // as lkc-aaaaaa reads it
	}{
		{"unknown", newSigner(t, "stranger", nil).client("x", nil), ""},
		{"same name, other key", newSigner(t, "A", nil).client("x", nil), ""},
		{"an authority that was not uploaded", sent, ""},
		{"expired", root.client("x", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "is not valid at this time"},
		{"a server's", root.client("x", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "not one for a TLS client"},
		{"revoked", revoked, "in a revocation list"},
		{"no pool", root.client("x", func(c *x509.Certificate) { c.Subject.Organization = nil }), "no identity pool"},
		{"no name", root.client("", nil), "has not the part"},
		{"somebody else's cluster", lost.client("x", nil), "leads to no Kafka cluster"},
	} {
		r := dialHolding(t, c, c.Endpoints.Bootstrap, test.with)
		r.send(kmsg.NewPtrMetadataRequest())
		r.expectClosed()
		if test.why != "" {
			poll.Until(t, test.name+" to be told as "+test.why, func() bool { return told(t, c, keyA, test.why) })
		}
	}
	if told(t, c, keyB, "") {
		t.Error("another tenant is told, too")
	}
}

// TestTwoOwnersOfOneKey: where two organizations have one key, nobody gets in, for it cannot be known to whom.
func TestTwoOwnersOfOneKey(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	root := newSigner(t, "A", nil)
	trustSigner(c, a, "aaaaaa", root)
	open := dialHolding(t, c, c.Endpoints.Bootstrap, root.client("x", nil))
	open.clusterSeen()
	trustSigner(c, b, "bbbbbb", root)
	fresh := dialHolding(t, c, c.Endpoints.Bootstrap, root.client("x", nil))
	fresh.send(kmsg.NewPtrMetadataRequest())
	fresh.expectClosed()
	if got := open.clusterSeen(); got != "lkc-aaaaaa" {
		t.Errorf("an open connection leads to %s", got)
	}
}

// TestOldestPool: where several pools let a certificate in, the oldest is who it is, so that a new one changes nobody;
// and without a cluster of its own, a pool leads to the organization's only one.
func TestOldestPool(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a := c.Tenant("lkc-aaaaaa")
	root, now := newSigner(t, "A", nil), time.Now()
	c.Put(tenancy.StateCertificateAuthority, "op-aaaaaa", uploaded(a, "op-aaaaaa", "", root))
	newer, oldest := poolOf(a, "op-aaaaaa", "pool-aaaaaa", "true", now), poolOf(a, "op-aaaaaa", "pool-bbbbbb", `CN.startsWith("svc-") && "kafka.example" in SAN`, now.Add(-time.Hour))
	newer.LogicalClusterID, oldest.LogicalClusterID = "", ""
	c.Put(tenancy.StateIdentityPool, "pool-aaaaaa", newer)
	c.Put(tenancy.StateIdentityPool, "pool-bbbbbb", oldest)
	administer(c, a, "pool-bbbbbb") // the other one may do nothing
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	both := root.client("svc-x", func(c *x509.Certificate) { c.DNSNames = []string{"kafka.example"} })
	produceOne(t, withCertificate(t, c, both), "orders", "as the oldest")
	r := dialHolding(t, c, c.Endpoints.Bootstrap, root.client("svc-x", nil))
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 9
	if topics := r.ask(request).(*kmsg.MetadataResponse).Topics; len(topics) > 0 {
		t.Errorf("the newer pool sees %+v", topics)
	}
	second := c.Tenant("lkc-cccccc")
	second.OrganizationID = a.OrganizationID
	c.Put(tenancy.StateTenant, "lkc-cccccc", second)
	r = dialHolding(t, c, c.Endpoints.Bootstrap, both)
	r.send(kmsg.NewPtrMetadataRequest())
	r.expectClosed()
}

// TestCertificatesAreRevoked on three brokers: what lets a certificate in goes away, and its connections with it, before
// the change counts as applied; connections of certificates that still hold go on.
func TestCertificatesAreRevoked(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	root, next, other := newSigner(t, "A", nil), newSigner(t, "A next", nil), newSigner(t, "B", nil)
	trustSigner(c, a, "aaaaaa", root)
	trustSigner(c, b, "bbbbbb", other)
	everywhere := func(with tls.Certificate) (all []*rawClient) {
		for _, broker := range c.Endpoints.Brokers {
			r := dialHolding(t, c, net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port))), with)
			r.clusterSeen()
			all = append(all, r)
		}
		return all
	}
	lost := root.client("lost", nil)
	doomed, stays, others := everywhere(lost), everywhere(root.client("stays", nil)), everywhere(other.client("x", nil))
	still := func(what string, all []*rawClient) {
		t.Helper()
		for _, r := range all {
			r.conn.SetDeadline(time.Now().Add(20 * time.Second))
			if r.clusterSeen() == "" {
				t.Errorf("after %s", what)
			}
		}
	}
	gone := func(all []*rawClient) {
		t.Helper()
		for _, r := range all {
			r.conn.SetDeadline(time.Now().Add(revocation))
			r.expectClosed()
		}
	}
	c.Put(tenancy.StateCertificateAuthority, "op-aaaaaa", uploaded(a, "op-aaaaaa", root.revoke(lost), root))
	gone(doomed)
	still("another's revocation", stays)
	c.Put(tenancy.StateCertificateAuthority, "op-aaaaaa", uploaded(a, "op-aaaaaa", root.revoke(lost), root, next))
	still("the next authority was added", stays)
	rolled := everywhere(next.client("rolled over", nil))
	c.Put(tenancy.StateCertificateAuthority, "op-aaaaaa", uploaded(a, "op-aaaaaa", "", next))
	gone(stays)
	still("the old authority was taken away", rolled)
	c.Delete(tenancy.StateIdentityPool, "pool-aaaaaa")
	gone(rolled)
	c.Delete(tenancy.StateCertificateAuthority, "op-bbbbbb")
	gone(others)
}

// TestExpiringCertificate: a connection ends when its certificate does, not before.
func TestExpiringCertificate(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a := c.Tenant("lkc-aaaaaa")
	key, root := c.Admin(a), newSigner(t, "A", nil)
	trustSigner(c, a, "aaaaaa", root)
	brief := root.client("brief", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(5 * time.Second) })
	r := dialHolding(t, c, c.Endpoints.Bootstrap, brief)
	r.clusterSeen()
	r.expectClosed()
	if early := time.Until(brief.Leaf.NotAfter); early > 0 {
		t.Errorf("the connection ended %s before its certificate", early)
	}
	poll.Until(t, "the tenant to be told why", func() bool { return told(t, c, key, "has expired") })
}

// TestAskingForCertificates: every client is asked for one, whether or not anybody has an authority, and no names of
// authorities are told; a handshake that is too large is not read.
func TestAskingForCertificates(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	asked := func() (times int) {
		config := c.TLS.Clone()
		config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if times++; len(info.AcceptableCAs) > 0 {
				t.Errorf("the gateway tells the names of %d authorities", len(info.AcceptableCAs))
			}
			return new(tls.Certificate), nil
		}
		conn, err := tls.Dial("tcp", c.Endpoints.Bootstrap, config)
		if err != nil {
			t.Fatal(err)
		}
		rawOver(t, conn).ask(kmsg.NewPtrApiVersionsRequest())
		return times
	}
	before := asked()
	root := newSigner(t, "A", nil)
	trustSigner(c, c.Tenant("lkc-aaaaaa"), "aaaaaa", root)
	if after := asked(); before != 1 || after != 1 {
		t.Errorf("asked %d times without an authority, %d with one", before, after)
	}
	large := root.client("x", nil)
	for size := 0; size < 100<<10; size += len(root.certificate.Raw) {
		large.Certificate = append(large.Certificate, root.certificate.Raw)
	}
	r := dialHolding(t, c, c.Endpoints.Bootstrap, large)
	r.conn.Write([]byte("x"))
	r.expectClosed()
}

// TestIdleCertificate: a client with a certificate that asks nothing, as clients do with connections that they keep for
// later, is admitted once the time to log in is over, and so counts where it belongs.
func TestIdleCertificate(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "TLS ends in the gateway")
	registry := prometheus.NewRegistry()
	c := gatewaytest.Start(t, gatewaytest.Options{Registerer: registry, Limits: gateway.Limits{AuthenticationTimeout: 5 * time.Second}})
	root := newSigner(t, "A", nil)
	trustSigner(c, c.Tenant("lkc-aaaaaa"), "aaaaaa", root)
	idle := dialHolding(t, c, c.Endpoints.Bootstrap, root.client("idle", nil))
	idle.ask(kmsg.NewPtrApiVersionsRequest())
	poll.Until(t, "the idle client to count", func() bool {
		return metric(t, registry, "orrery_gateway_tenant_connections", "lkc-aaaaaa") == 1
	})
	idle.conn.SetDeadline(time.Now().Add(20 * time.Second))
	idle.clusterSeen()
}
