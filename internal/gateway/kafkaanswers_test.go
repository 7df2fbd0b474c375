package gateway_test

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// TestAnswersOfKafka gives a principal one set of ACLs after the other, at a broker of Apache Kafka and at a logical
// cluster, and compares what both answer to the same requests: every error code, every topic, group and transactional
// id that is told, and every field of authorized operations.
func TestAnswersOfKafka(t *testing.T) {
	gatewaytest.ApacheOnly(t, "Apache Kafka is what the answers are compared with")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	r.key.Credential.OwnerID = gatewaytest.Direct.User
	admins := []*kgo.Client{engineClient(t, c), r.client()}
	for _, admin := range admins {
		prepareAnswers(t, admin)
	}
	t.Cleanup(func() { clearAnswers(t, admins[0]) })
	for _, name := range []string{"orders", "audit"} {
		if err := gatewaytest.Known(testContext(t), c.Kafka, name, "lkc-aaaaaa_"+name); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := gatewaytest.Direct.Dial(new(net.Dialer).DialContext)(testContext(t), "tcp", c.Kafka.Addresses(gatewaytest.Direct.User)[0])
	if err != nil {
		t.Fatal(err)
	}
	sides := []*rawClient{rawOver(t, conn), authenticated(t, c, c.Key(r.tenant, "lkc-aaaaaa", gatewaytest.Direct.User))}
	ids := [][16]byte{topicID(t, admins[0], "orders"), topicID(t, admins[1], "orders")}
	versions := offeredVersions(sides[1])
	apis := map[int16]bool{}
	for _, q := range questions(ids[0]) {
		apis[q.Key()] = true
	}
	if len(apis) < 40 {
		t.Errorf("only %d APIs are asked", len(apis))
	}
	for _, g := range grants() {
		t.Run(g.name, func(t *testing.T) {
			for _, admin := range admins {
				deleteACLs(t, admin, everyACLOf("User:"+gatewaytest.Direct.User))
				mustCreateACLs(t, admin, g.acls...)
			}
			for i := range questions([16]byte{}) {
				var said [2]string
				for side, client := range sides {
					client.t = t
					client.conn.SetDeadline(time.Now().Add(20 * time.Second)) // for each answer, and not for all
					request := questions(ids[side])[i]
					request.SetVersion(min(versions[request.Key()], request.MaxVersion()))
					said[side] = gist(client.ask(request))
				}
				if said[0] != said[1] {
					name := kmsg.NameForKey(questions([16]byte{})[i].Key())
					t.Errorf("%d %s:\nKafka   %s\ngateway %s", i, name, said[0], said[1])
				}
			}
		})
	}
	for _, client := range sides {
		client.t = t
	}
}

func everyACLOf(principal string) authz.Filter {
	f := everyACL
	f.Principal = &principal
	return f
}

func offeredVersions(client *rawClient) map[int16]int16 {
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version, request.ClientSoftwareName, request.ClientSoftwareVersion = 3, "test", "1"
	versions := map[int16]int16{}
	for _, k := range client.ask(request).(*kmsg.ApiVersionsResponse).ApiKeys {
		versions[k.ApiKey] = k.MaxVersion
	}
	return versions
}

// prepareAnswers makes two topics, a classic group with an offset in each of them, and a transactional id.
func prepareAnswers(t *testing.T, client *kgo.Client) {
	t.Helper()
	ctx, admin := testContext(t), kadm.NewClient(client)
	created, err := admin.CreateTopics(ctx, 1, 1, nil, "audit", "orders")
	if err = errors.Join(err, created.Error()); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("audit", 0, 0, -1)
	offsets.AddOffset("orders", 0, 0, -1)
	producer := kmsg.NewPtrInitProducerIDRequest()
	producer.TransactionalID, producer.TransactionTimeoutMillis, producer.ProducerID, producer.ProducerEpoch = kmsg.StringPtr("tx"), 60_000, -1, -1
	eventually(t, func() string {
		if err := admin.CommitAllOffsets(ctx, "workers", offsets); err != nil {
			return err.Error()
		}
		given, err := producer.RequestWith(ctx, client)
		if err != nil || given.ErrorCode != 0 {
			return fmt.Sprint(given, err)
		}
		return ""
	})
}

func clearAnswers(t *testing.T, client *kgo.Client) {
	deleteACLs(t, client, everyACLOf("User:"+gatewaytest.Direct.User))
	admin := kadm.NewClient(client)
	if deleted, err := admin.DeleteTopics(testContext(t), "audit", "orders"); errors.Join(err, deleted.Error()) != nil {
		t.Error(err, deleted.Error())
	}
	if deleted, err := admin.DeleteGroups(testContext(t), "workers"); errors.Join(err, deleted.Error()) != nil {
		t.Error(err, deleted.Error())
	}
}

func topicID(t *testing.T, admin *kgo.Client, topic string) [16]byte {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	response, err := request.RequestWith(testContext(t), admin)
	if err != nil || response.Topics[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", response, err)
	}
	return response.Topics[0].TopicID
}

// grant is a set of ACLs.
type grant struct {
	name string
	acls []authz.ACL
}

// grants are nothing; each operation alone on each of the resources; pairs that belong together; everything; and
// everything but what a DENY takes.
func grants() []grant {
	acl := func(t authz.ResourceType, name string, o authz.Operation, p authz.Permission) authz.ACL {
		return authz.ACL{ResourceType: t, ResourceName: name, PatternType: authz.PatternLiteral, Principal: "User:" + gatewaytest.Direct.User, Host: "*", Operation: o, Permission: p}
	}
	resources := []struct {
		t    authz.ResourceType
		name string
	}{{authz.ResourceTopic, "orders"}, {authz.ResourceGroup, "workers"}, {authz.ResourceTransactionalID, "tx"}, {authz.ResourceCluster, authz.ClusterName}}
	var everything []authz.ACL
	for _, r := range resources {
		if r.t != authz.ResourceCluster {
			everything = append(everything, acl(r.t, "*", authz.OperationAll, authz.PermissionAllow))
		}
	}
	// CLUSTER_ACTION, by which a broker needs no right on topics, makes nobody a broker at a gateway.
	operation := func(o authz.Operation, t authz.ResourceType) bool {
		return authz.Supported(t).Has(o) && o != authz.OperationTwoPhaseCommit && o != authz.OperationClusterAction
	}
	for o := authz.OperationRead; o < authz.OperationCreateTokens; o++ {
		if operation(o, authz.ResourceCluster) {
			everything = append(everything, acl(authz.ResourceCluster, authz.ClusterName, o, authz.PermissionAllow))
		}
	}
	all := []grant{{"nothing", nil}, {"everything", everything}}
	for _, r := range resources {
		for o := authz.OperationRead; o < authz.OperationCreateTokens; o++ {
			if operation(o, r.t) {
				all = append(all,
					grant{fmt.Sprint("only ", o, " on ", r.name), []authz.ACL{acl(r.t, r.name, o, authz.PermissionAllow)}},
					grant{fmt.Sprint("all but ", o, " on ", r.name), append(slices.Clone(everything), acl(r.t, r.name, o, authz.PermissionDeny))})
			}
		}
	}
	prefixed := acl(authz.ResourceTopic, "ord", authz.OperationRead, authz.PermissionAllow)
	prefixed.PatternType = authz.PatternPrefixed
	return append(all,
		grant{"a consumer", []authz.ACL{acl(authz.ResourceTopic, "orders", authz.OperationRead, authz.PermissionAllow), acl(authz.ResourceGroup, "workers", authz.OperationRead, authz.PermissionAllow)}},
		grant{"a consumer by prefix", []authz.ACL{prefixed, acl(authz.ResourceGroup, "*", authz.OperationRead, authz.PermissionAllow)}},
		grant{"a transactional producer", []authz.ACL{acl(authz.ResourceTopic, "orders", authz.OperationWrite, authz.PermissionAllow), acl(authz.ResourceTransactionalID, "tx", authz.OperationWrite, authz.PermissionAllow)}})
}

// gist is what an answer says of rights: the error codes, the names, and the authorized operations.
func gist(response kmsg.Response) string {
	_, onlyRights := response.(*kmsg.ShareFetchResponse) // the broker may have to load the group's state first
	var parts []string
	var walk func(v reflect.Value, name string)
	walk = func(v reflect.Value, name string) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), name)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), v.Type().Field(i).Name)
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct && name != "Configs" {
				var lines []string
				for i := range v.Len() {
					outer := parts
					parts = nil
					walk(v.Index(i), name)
					line := strings.Join(parts, " ")
					if onlyRights && !strings.Contains(line, "AUTHORIZATION_FAILED") {
						line = ""
					}
					if !strings.Contains(line, "__") && !strings.Contains(line, "lkc-") && !strings.Contains(line, "_orrery_") {
						lines = append(lines, line)
					}
					parts = outer
				}
				slices.Sort(lines)
				parts = append(parts, name+"["+strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "; ")+"]")
			}
		case reflect.Int16:
			if err := kerr.TypedErrorForCode(int16(v.Int())); strings.HasSuffix(name, "ErrorCode") && err != nil && (!onlyRights || strings.HasSuffix(err.Message, "AUTHORIZATION_FAILED")) {
				parts = append(parts, err.Message)
			}
		case reflect.Int32:
			if strings.HasSuffix(name, "AuthorizedOperations") && v.Int() > 0 {
				parts = append(parts, fmt.Sprintf("may %b", v.Int()))
			}
		case reflect.String:
			switch name {
			case "Topic", "Group", "GroupID", "TransactionalID", "ResourceName", "CoordinatorKey":
				parts = append(parts, v.String())
			}
		}
	}
	walk(reflect.ValueOf(response).Elem(), "")
	return strings.Join(parts, " ")
}
