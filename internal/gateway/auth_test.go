package gateway_test

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

func TestRefusedKeys(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	tenant := c.Tenant("lkc-aaaaaa")
	key := c.Admin(tenant)
	cloud := c.Key(tenant, "", "u-1")
	homeless := c.Key(tenant, "lkc-nothere", "u-1")
	tests := []struct{ name, user, password, want string }{
		{"wrong secret", key.ID, cloud.Secret, `the API key "` + key.ID + `" is not known or was deleted, or its secret is wrong`},
		{"unknown key", "AAAAAAAAAAAAAAAA", key.Secret, `the API key "AAAAAAAAAAAAAAAA" is not known or was deleted, or its secret is wrong`},
		{"empty secret", key.ID, "", "not known or was deleted, or its secret is wrong"},
		{"empty secret of an unknown key", "AAAAAAAAAAAAAAAA", "", "not known or was deleted, or its secret is wrong"},
		{"id and secret mixed up", key.Secret, key.ID, "the user name is not the id of an API key"},
		{"Cloud API key", cloud.ID, cloud.Secret, "is a Cloud API key, which opens no Kafka connection"},
		{"key of a cluster that is gone", homeless.ID, homeless.Secret, "lkc-nothere, which was deleted or is not ready yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := dialRaw(t, c)
			response := r.logIn(test.user, test.password)
			if response.ErrorCode != kerr.SaslAuthenticationFailed.Code || response.ErrorMessage == nil || !strings.Contains(*response.ErrorMessage, test.want) {
				t.Errorf("error %d %q, want %q", response.ErrorCode, *response.ErrorMessage, test.want)
			}
			r.expectClosed()
		})
	}
	log.expect(t, "could not authenticate")
	for _, secret := range []string{key.Secret, cloud.Secret, homeless.Secret} {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret was logged")
		}
	}
}

func TestAuthenticateWithoutHandshake(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := dialRaw(t, c)
	request := kmsg.NewPtrSASLAuthenticateRequest()
	request.SASLAuthBytes = []byte("\x00a\x00b")
	if response := r.ask(request).(*kmsg.SASLAuthenticateResponse); response.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("error %d", response.ErrorCode)
	}
	r.expectClosed()
}

func TestDeletedKeyEndsItsConnections(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	key, other := c.Admin(tenant), c.Key(tenant, tenant.LogicalClusterID, "u-lkc-aaaaaa")
	doomed, survivor := authenticated(t, c, key), authenticated(t, c, other)
	c.Delete(tenancy.StateCredential, key.ID)
	doomed.expectClosed()
	if response := dialRaw(t, c).logIn(key.ID, key.Secret); response.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("the deleted key logs in: error %d", response.ErrorCode)
	}
	if response := survivor.ask(kmsg.NewPtrMetadataRequest()).(*kmsg.MetadataResponse); len(response.Brokers) != 1 {
		t.Errorf("another key's connection has %d brokers", len(response.Brokers))
	}
	c.Delete(tenancy.StateTenant, tenant.LogicalClusterID)
	survivor.expectClosed()
}

func TestChangedTenantKeepsItsConnections(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	r := authenticated(t, c, c.Admin(tenant))
	tenant.MaxPartitions = 3
	c.Put(tenancy.StateTenant, tenant.LogicalClusterID, tenant)
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 9
	if id := r.ask(request).(*kmsg.MetadataResponse).ClusterID; id == nil || *id != "lkc-aaaaaa" {
		t.Errorf("the cluster id is %v", id)
	}
}

func TestKeyWithoutRights(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	c.Admin(tenant)
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	key := c.Key(tenant, tenant.LogicalClusterID, "sa-nobody")
	admin := kadm.NewClient(c.Client(key))
	topics, err := admin.ListTopics(testContext(t))
	if err != nil || len(topics) != 0 {
		t.Errorf("listing shows %v, %v", topics.Names(), err)
	}
	r := authenticated(t, c, key)
	named := kmsg.NewPtrMetadataRequest()
	named.Version = 9
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	named.Topics = append(named.Topics, topic)
	if got := r.ask(named).(*kmsg.MetadataResponse).Topics[0]; got.ErrorCode != kerr.TopicAuthorizationFailed.Code || *got.Topic != "orders" || len(got.Partitions) != 0 {
		t.Errorf("the named topic: %+v", got)
	}
	group := kmsg.NewPtrFindCoordinatorRequest()
	group.CoordinatorKey = "g"
	if code := r.ask(group).(*kmsg.FindCoordinatorResponse).ErrorCode; code != kerr.GroupAuthorizationFailed.Code {
		t.Errorf("the group's coordinator: error %d", code)
	}
	if code := r.ask(produceRequest(9, -1, "orders", nil)).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.TopicAuthorizationFailed.Code {
		t.Errorf("producing: error %d", code)
	}
	c.Put(tenancy.StateBinding, "rb-1", tenancy.Binding{
		RoleBindingID: "rb-1", Principal: "User:sa-nobody", RoleName: orrery.RoleCloudClusterAdmin,
		CRNPattern: orrery.CloudClusterCRN(tenant.OrganizationID, tenant.EnvironmentID, tenant.LogicalClusterID).String(),
	})
	request := kmsg.NewPtrMetadataRequest()
	request.Version, request.Topics = 9, nil
	if n := len(r.ask(request).(*kmsg.MetadataResponse).Topics); n != 1 {
		t.Errorf("with a role the open connection sees %d topics, want 1", n)
	}
	c.Delete(tenancy.StateBinding, "rb-1")
	if n := len(r.ask(request).(*kmsg.MetadataResponse).Topics); n != 0 {
		t.Errorf("without it, it sees %d", n)
	}
}

func TestReauthenticationKeepsThePrincipal(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	tenant := c.Tenant("lkc-aaaaaa")
	key := c.Admin(tenant)
	second := c.Key(tenant, tenant.LogicalClusterID, "u-lkc-aaaaaa")
	stranger := c.Key(tenant, tenant.LogicalClusterID, "sa-other")
	r := authenticated(t, c, key)
	if response := r.logIn(second.ID, second.Secret); response.ErrorCode != 0 {
		t.Fatalf("with another key of the same principal: %d %s", response.ErrorCode, *response.ErrorMessage)
	}
	c.Delete(tenancy.StateCredential, key.ID) // the connection is the second key's now
	if n := len(r.ask(kmsg.NewPtrMetadataRequest()).(*kmsg.MetadataResponse).Brokers); n != 1 {
		t.Errorf("%d brokers", n)
	}
	if response := r.logIn(stranger.ID, stranger.Secret); response.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("as another principal: error %d", response.ErrorCode)
	}
	r.expectClosed()
}

func TestClientWithoutTLS(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	for range 2 {
		conn, err := net.Dial("tcp", c.Endpoints.Bootstrap)
		if err != nil {
			t.Fatal(err)
		}
		r := rawOver(t, conn)
		r.send(kmsg.NewPtrApiVersionsRequest())
		r.expectClosed()
	}
	log.expect(t, "a client without TLS")
	if n := strings.Count(log.String(), "a client without TLS"); n != 1 {
		t.Errorf("it was logged %d times for one address", n)
	}
}

func TestClientWithoutTheCA(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger})
	if _, err := tls.Dial("tcp", c.Endpoints.Bootstrap, &tls.Config{ServerName: "127.0.0.1"}); err == nil {
		t.Fatal("the client trusts an unknown CA")
	}
	log.expect(t, "the client does not trust this cluster's CA: give it the CA file")
}

func TestClientThatNeverAuthenticates(t *testing.T) {
	log, logger := captureLog()
	c := gatewaytest.Start(t, gatewaytest.Options{Logger: logger, Limits: gateway.Limits{AuthenticationTimeout: 300 * time.Millisecond}})
	dialRaw(t, c).expectClosed()
	log.expect(t, "did not authenticate within 300ms")
}

func TestAuthenticateForREST(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	a, b := c.Tenant("lkc-aaaaaa"), c.Tenant("lkc-bbbbbb")
	key, cloud := c.Admin(a), c.Key(a, "", "u-boss")
	g := c.Gateways[0]
	identity, err := g.Authenticate(netip.Addr{}, key.ID, key.Secret, "lkc-aaaaaa")
	want := gateway.Identity{OrganizationID: a.OrganizationID, EnvironmentID: a.EnvironmentID, LogicalClusterID: "lkc-aaaaaa", PrincipalID: "u-lkc-aaaaaa", APIKeyID: key.ID}
	if err != nil || identity != want {
		t.Errorf("%+v, %v; want %+v", identity, err, want)
	}
	if identity, err = g.Authenticate(netip.Addr{}, key.ID, key.Secret, ""); err != nil || identity != want {
		t.Errorf("a key without the name of its cluster: %+v, %v; want %+v", identity, err, want)
	}
	if identity, err = g.Authenticate(netip.Addr{}, cloud.ID, cloud.Secret, "lkc-aaaaaa"); err != nil || identity.PrincipalID != "u-boss" {
		t.Errorf("a Cloud API key: %+v, %v", identity, err)
	}
	for _, test := range []struct {
		id, secret, cluster string
		want                orrery.Code
	}{
		{key.ID, "wrong", "lkc-aaaaaa", orrery.Unauthenticated},
		{key.ID, "wrong", "", orrery.Unauthenticated},
		{key.ID, key.Secret, b.LogicalClusterID, orrery.Forbidden},
		{cloud.ID, cloud.Secret, "", orrery.NotFound},
		{cloud.ID, cloud.Secret, b.LogicalClusterID, orrery.NotFound},
		{cloud.ID, cloud.Secret, "lkc-cccccc", orrery.NotFound},
	} {
		if _, err := g.Authenticate(netip.Addr{}, test.id, test.secret, test.cluster); orrery.ErrorCode(err) != test.want {
			t.Errorf("%s for %s: %v, want %s", test.id, test.cluster, err, test.want)
		}
	}
}
