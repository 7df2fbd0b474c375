package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// everyACL selects all.
var everyACL = authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}

func topicACL(principal, topic string, operation authz.Operation, permission authz.Permission) authz.ACL {
	return authz.ACL{
		ResourceType: authz.ResourceTopic, ResourceName: topic, PatternType: authz.PatternLiteral,
		Principal: principal, Host: "*", Operation: operation, Permission: permission,
	}
}

// creations makes a request of ACLs.
func creations(acls ...authz.ACL) *kmsg.CreateACLsRequest {
	request := kmsg.NewPtrCreateACLsRequest()
	for _, a := range acls {
		request.Creations = append(request.Creations, kmsg.CreateACLsRequestCreation{
			ResourceType: kmsg.ACLResourceType(a.ResourceType), ResourceName: a.ResourceName, ResourcePatternType: kmsg.ACLResourcePatternType(a.PatternType),
			Principal: a.Principal, Host: a.Host, Operation: kmsg.ACLOperation(a.Operation), PermissionType: kmsg.ACLPermissionType(a.Permission),
		})
	}
	return request
}

// createACLs asks for ACLs and returns the error of each.
func createACLs(t testing.TB, client kmsg.Requestor, acls ...authz.ACL) []error {
	t.Helper()
	response, err := creations(acls...).RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, r := range response.Results {
		errs = append(errs, kerr.ErrorForCode(r.ErrorCode))
	}
	if len(errs) != len(acls) {
		t.Fatalf("%d results of %d ACLs", len(errs), len(acls))
	}
	return errs
}

func mustCreateACLs(t testing.TB, client kmsg.Requestor, acls ...authz.ACL) {
	t.Helper()
	if err := errors.Join(createACLs(t, client, acls...)...); err != nil {
		t.Fatal(err)
	}
}

// describeACLs returns what a filter selects, as texts in order.
func describeACLs(t testing.TB, client kmsg.Requestor, f authz.Filter) ([]string, error) {
	t.Helper()
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourceName, request.ResourcePatternType = kmsg.ACLResourceType(f.ResourceType), f.ResourceName, kmsg.ACLResourcePatternType(f.PatternType)
	request.Principal, request.Host, request.Operation, request.PermissionType = f.Principal, f.Host, kmsg.ACLOperation(f.Operation), kmsg.ACLPermissionType(f.Permission)
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	return aclTexts(response), kerr.ErrorForCode(response.ErrorCode)
}

func aclTexts(response *kmsg.DescribeACLsResponse) []string {
	var acls []string
	for _, r := range response.Resources {
		for _, a := range r.ACLs {
			acls = append(acls, authz.ACL{
				ResourceType: authz.ResourceType(r.ResourceType), ResourceName: r.ResourceName, PatternType: authz.PatternType(r.ResourcePatternType),
				Principal: a.Principal, Host: a.Host, Operation: authz.Operation(a.Operation), Permission: authz.Permission(a.PermissionType),
			}.String())
		}
	}
	slices.Sort(acls)
	return acls
}

// deleteACLs deletes what filters select and returns for each how many ACLs that were, or the error.
func deleteACLs(t testing.TB, client kmsg.Requestor, filters ...authz.Filter) []string {
	t.Helper()
	request := kmsg.NewPtrDeleteACLsRequest()
	for _, f := range filters {
		request.Filters = append(request.Filters, kmsg.DeleteACLsRequestFilter{
			ResourceType: kmsg.ACLResourceType(f.ResourceType), ResourceName: f.ResourceName, ResourcePatternType: kmsg.ACLResourcePatternType(f.PatternType),
			Principal: f.Principal, Host: f.Host, Operation: kmsg.ACLOperation(f.Operation), PermissionType: kmsg.ACLPermissionType(f.Permission),
		})
	}
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	var results []string
	for _, r := range response.Results {
		err := kerr.ErrorForCode(r.ErrorCode)
		for _, m := range r.MatchingACLs {
			err = errors.Join(err, kerr.ErrorForCode(m.ErrorCode))
		}
		if err != nil {
			results = append(results, err.Error())
		} else {
			results = append(results, fmt.Sprint(len(r.MatchingACLs)))
		}
	}
	return results
}

func mayProduce(t testing.TB, client *kgo.Client, topic string) error {
	return client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
}

// A service account may do what ACLs say, from the moment at which their creation is answered, until their deletion is.
func TestACLs(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	r, other := both[0], both[1]
	r.createTopic("orders", 1)
	other.createTopic("orders", 1)
	admin := r.client()
	service := c.Client(c.Key(r.tenant, "lkc-aaaaaa", "sa-writer"))
	elsewhere := c.Client(c.Key(other.tenant, "lkc-bbbbbb", "sa-writer"))
	write := topicACL("User:sa-writer", "orders", authz.OperationWrite, authz.PermissionAllow)
	prefixed := topicACL("User:*", "ord", authz.OperationRead, authz.PermissionAllow)
	prefixed.PatternType = authz.PatternPrefixed
	deny := topicACL("User:sa-writer", "orders", authz.OperationWrite, authz.PermissionDeny)
	deny.Host = "127.0.0.1"

	if err := mayProduce(t, service, "orders"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("without an ACL: %v", err)
	}
	mustCreateACLs(t, admin, write, prefixed, write)
	if err := mayProduce(t, service, "orders"); err != nil { // on the same connection, with idempotence
		t.Fatalf("with WRITE: %v", err)
	}
	if err := mayProduce(t, elsewhere, "orders"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("in a cluster without ACLs: %v", err)
	}
	if acls, err := describeACLs(t, other.client(), everyACL); err != nil || len(acls) != 0 {
		t.Errorf("another cluster has %v, %v", acls, err)
	}
	mustCreateACLs(t, admin, deny)
	if err := mayProduce(t, service, "orders"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("with a DENY for its address: %v", err)
	}
	if acls, err := describeACLs(t, admin, everyACL); err != nil || !slices.Equal(acls, sorted(write.String(), prefixed.String(), deny.String())) {
		t.Errorf("there are %v, %v", acls, err)
	}
	match := everyACL
	match.ResourceType, match.ResourceName, match.PatternType = authz.ResourceTopic, new(string), authz.PatternMatch
	*match.ResourceName = "ordinary"
	if acls, err := describeACLs(t, admin, match); err != nil || !slices.Equal(acls, []string{prefixed.String()}) {
		t.Errorf("ordinary is covered by %v, %v", acls, err)
	}
	denies := everyACL
	denies.Permission = authz.PermissionDeny
	if deleted := deleteACLs(t, admin, denies, everyACL, match); !slices.Equal(deleted, []string{"1", "3", "1"}) {
		t.Errorf("deleted %v", deleted)
	}
	if err := mayProduce(t, service, "orders"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("after its ACLs are gone: %v", err)
	}
	if deleted := deleteACLs(t, admin, everyACL); !slices.Equal(deleted, []string{"0"}) {
		t.Errorf("deleted %v of nothing", deleted)
	}
}

func sorted(texts ...string) []string {
	slices.Sort(texts)
	return texts
}

// Who may not see or change ACLs is told so for each, and what is invalid is refused alone.
func TestACLRefusals(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin, nobody := r.client(), r.nobody().client()
	good := topicACL("User:sa-1", "orders", authz.OperationRead, authz.PermissionAllow)
	if _, err := describeACLs(t, nobody, everyACL); !errors.Is(err, kerr.ClusterAuthorizationFailed) {
		t.Errorf("nobody describes: %v", err)
	}
	if errs := createACLs(t, nobody, good, good); !errors.Is(errs[0], kerr.ClusterAuthorizationFailed) || !errors.Is(errs[1], kerr.ClusterAuthorizationFailed) {
		t.Errorf("nobody creates: %v", errs)
	}
	if deleted := deleteACLs(t, nobody, everyACL); !strings.HasPrefix(deleted[0], "CLUSTER_AUTHORIZATION_FAILED") {
		t.Errorf("nobody deletes: %v", deleted)
	}
	broken := func(change func(*authz.ACL)) authz.ACL {
		acl := good
		change(&acl)
		return acl
	}
	invalid := []authz.ACL{
		broken(func(a *authz.ACL) { a.ResourceName = "" }), broken(func(a *authz.ACL) { a.Principal = "sa-1" }),
		broken(func(a *authz.ACL) { a.ResourceType = authz.ResourceAny }), broken(func(a *authz.ACL) { a.PatternType = authz.PatternMatch }),
		broken(func(a *authz.ACL) { a.Operation = authz.OperationAny }), broken(func(a *authz.ACL) { a.Permission = authz.PermissionAny }),
		broken(func(a *authz.ACL) { a.ResourceType = authz.ResourceCluster }),
	}
	errs := createACLs(t, admin, append(slices.Clone(invalid), good)...)
	for i, err := range errs {
		if i == len(invalid) && err != nil || i < len(invalid) && !errors.Is(err, kerr.InvalidRequest) {
			t.Errorf("ACL %d: %v", i, err)
		}
	}
	unknown := broken(func(a *authz.ACL) { a.Operation = 100 })
	other := broken(func(a *authz.ACL) { a.Principal = "User:sa-2" })
	if errs := createACLs(t, admin, other, unknown); !errors.Is(errs[0], kerr.InvalidRequest) || !errors.Is(errs[1], kerr.InvalidRequest) {
		t.Errorf("a request with an unknown operation: %v", errs)
	}
	odd := everyACL
	odd.PatternType = 100
	if _, err := describeACLs(t, admin, odd); !errors.Is(err, kerr.InvalidRequest) {
		t.Errorf("a filter with an unknown pattern type: %v", err)
	}
	if deleted := deleteACLs(t, admin, everyACL, odd); !strings.HasPrefix(deleted[0], "INVALID_REQUEST") || !strings.HasPrefix(deleted[1], "INVALID_REQUEST") {
		t.Errorf("one unknown filter of two: %v", deleted)
	}
	if acls, err := describeACLs(t, admin, everyACL); err != nil || !slices.Equal(acls, []string{good.String()}) {
		t.Errorf("there are %v, %v", acls, err)
	}
}

// A DENY for everyone locks out all but who administers the cluster by a role: that one may see it and delete it.
func TestLockedOut(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin, service := r.client(), c.Client(c.Key(r.tenant, "lkc-aaaaaa", "sa-admin"))
	onCluster := func(principal string, permission authz.Permission) authz.ACL {
		return authz.ACL{
			ResourceType: authz.ResourceCluster, ResourceName: authz.ClusterName, PatternType: authz.PatternLiteral,
			Principal: principal, Host: "*", Operation: authz.OperationAll, Permission: permission,
		}
	}
	mustCreateACLs(t, admin, onCluster("User:sa-admin", authz.PermissionAllow))
	mustCreateACLs(t, service, onCluster("User:*", authz.PermissionDeny))
	for who, client := range map[string]*kgo.Client{"the administrator": admin, "a service account": service} {
		if errs := createACLs(t, client, onCluster("User:sa-2", authz.PermissionAllow)); !errors.Is(errs[0], kerr.ClusterAuthorizationFailed) {
			t.Errorf("%s creates: %v", who, errs)
		}
	}
	if deleted := deleteACLs(t, service, everyACL); !strings.HasPrefix(deleted[0], "CLUSTER_AUTHORIZATION_FAILED") {
		t.Errorf("a service account deletes: %v", deleted)
	}
	if acls, err := describeACLs(t, admin, everyACL); err != nil || len(acls) != 2 {
		t.Errorf("the administrator sees %v, %v", acls, err)
	}
	denies := everyACL
	denies.Permission = authz.PermissionDeny
	if deleted := deleteACLs(t, admin, denies); deleted[0] != "1" {
		t.Errorf("the administrator deletes: %v", deleted)
	}
	if _, err := describeACLs(t, service, everyACL); err != nil {
		t.Errorf("a service account afterwards: %v", err)
	}
}

// A cluster has so many ACLs as its quotas say, however many clients create them at once.
func TestACLLimit(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	const most = 10
	r.tenant.Quotas = orrery.Quotas{ACLs: most}
	c.Put(tenancy.StateTenant, "lkc-aaaaaa", r.tenant)
	numbered := func(i int) authz.ACL {
		return topicACL(fmt.Sprint("User:sa-", i), "orders", authz.OperationRead, authz.PermissionAllow)
	}
	created := make(chan bool)
	for i := range 2 * most {
		client := r.client()
		go func() {
			response, err := creations(numbered(i), numbered(i)).RequestWith(context.Background(), client)
			created <- err == nil && response.Results[0].ErrorCode == 0 && response.Results[1].ErrorCode == 0
		}()
	}
	there := 0
	for range 2 * most {
		if <-created {
			there++
		}
	}
	admin := r.client()
	if acls, err := describeACLs(t, admin, everyACL); err != nil || len(acls) != most || there != most {
		t.Errorf("%d of %d were created and there are %d, %v", there, most, len(acls), err)
	}
	response, err := creations(numbered(100)).RequestWith(testContext(t), admin)
	if err != nil || response.Results[0].ErrorCode != kerr.PolicyViolation.Code || !strings.Contains(*response.Results[0].ErrorMessage, "10 ACLs") {
		t.Errorf("one more: %+v, %v", response, err)
	}
	deleteACLs(t, admin, everyACL)
	mustCreateACLs(t, admin, numbered(100))
}

// Every gateway of a cluster learns of each change, and one that starts knows them all before it takes a client.
func TestACLsOnEveryGateway(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin := r.client()
	var all []string
	for i := range 30 {
		acl := topicACL(fmt.Sprint("User:sa-", i), "orders", authz.OperationRead, authz.PermissionAllow)
		mustCreateACLs(t, admin.Broker(i%3), acl)
		if acls, err := describeACLs(t, admin.Broker(i%3), everyACL); err != nil || !slices.Contains(acls, acl.String()) {
			t.Fatalf("the gateway that created %s shows %v, %v", acl, acls, err)
		}
		all = append(all, acl.String())
	}
	slices.Sort(all)
	for node := range 3 {
		eventually(t, func() string {
			if acls, err := describeACLs(t, admin.Broker(node), everyACL); err != nil || !slices.Equal(acls, all) {
				return fmt.Sprintf("gateway %d knows %d of %d ACLs, %v", node, len(acls), len(all), err)
			}
			return ""
		})
	}
	if known := knownAtStart(t, c, r); !slices.Equal(known, all) {
		t.Errorf("a gateway that has just started knows %d of %d ACLs", len(known), len(all))
	}
}

// knownAtStart returns the ACLs that a gateway knows as soon as it is ready.
func knownAtStart(t *testing.T, c *gatewaytest.Cluster, r *resident) []string {
	t.Helper()
	request := kmsg.NewPtrDescribeACLsRequest()
	request.Version, request.ResourceType, request.ResourcePatternType = 1, kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	return aclTexts(askAtStart(t, c, r, request).(*kmsg.DescribeACLsResponse))
}

// askAtStart returns what a gateway answers as soon as it is ready.
func askAtStart(t *testing.T, c *gatewaytest.Cluster, r *resident, request kmsg.Request) kmsg.Response {
	t.Helper()
	g, err := gateway.New(gateway.Config{
		PhysicalClusterID: gatewaytest.PhysicalClusterID, Node: 7, TLS: &tls.Config{}, DialBroker: c.DialBroker, Control: c.Control(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(context.Background()) }()
	<-g.Ready()
	identity, err := g.Authenticate(netip.Addr{}, r.key.ID, r.key.Secret, r.tenant.LogicalClusterID)
	if err != nil {
		t.Fatal(err)
	}
	near, err := g.Connect(testContext(t), gateway.Caller{Identity: identity}, 0)
	if err != nil {
		t.Fatal(err)
	}
	response := rawOver(t, near).ask(request)
	g.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return response
}
