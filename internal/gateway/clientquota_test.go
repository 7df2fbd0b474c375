package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// clientQuota is one value for an entity of one part; a name of everyone is the default.
type clientQuota struct {
	kind, name, key string
	value           float64
	remove          bool
}

const everyone = "<default>"

func quotaOf(kind, name, key string, value float64) clientQuota {
	return clientQuota{kind, name, key, value, false}
}

// alterationOf makes a request with an entity for each quota.
func alterationOf(validateOnly bool, quotas ...clientQuota) *kmsg.AlterClientQuotasRequest {
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.ValidateOnly = validateOnly
	for _, q := range quotas {
		entry, part, operation := kmsg.NewAlterClientQuotasRequestEntry(), kmsg.NewAlterClientQuotasRequestEntryEntity(), kmsg.NewAlterClientQuotasRequestEntryOp()
		if part.Type = q.kind; q.name != everyone {
			part.Name = &q.name
		}
		operation.Key, operation.Value, operation.Remove = q.key, q.value, q.remove
		entry.Entity, entry.Ops = append(entry.Entity, part), append(entry.Ops, operation)
		request.Entries = append(request.Entries, entry)
	}
	return request
}

// alterQuotas returns the error of each entity.
func alterQuotas(t testing.TB, client kmsg.Requestor, request *kmsg.AlterClientQuotasRequest) []error {
	t.Helper()
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Entries) != len(request.Entries) {
		t.Fatalf("%d results of %d entities", len(response.Entries), len(request.Entries))
	}
	errs := make([]error, len(response.Entries))
	for i, e := range response.Entries {
		if errs[i] = kerr.ErrorForCode(e.ErrorCode); errs[i] != nil {
			errs[i] = fmt.Errorf("%w: %s", errs[i], *e.ErrorMessage)
		}
		if len(e.Entity) > 0 && e.Entity[0].Type != request.Entries[i].Entity[0].Type {
			t.Errorf("the result of %+v is of %+v", request.Entries[i].Entity, e.Entity)
		}
	}
	return errs
}

func mustAlterQuotas(t testing.TB, client kmsg.Requestor, quotas ...clientQuota) {
	t.Helper()
	if err := errors.Join(alterQuotas(t, client, alterationOf(false, quotas...))...); err != nil {
		t.Fatal(err)
	}
}

// describeQuotas returns a line for each value, sorted, or one that is the error.
func describeQuotas(t testing.TB, client kmsg.Requestor, request *kmsg.DescribeClientQuotasRequest) (lines []string) {
	t.Helper()
	response, err := request.RequestWith(testContext(t), client)
	if err != nil {
		t.Fatal(err)
	}
	return quotaLines(response)
}

func quotaLines(response *kmsg.DescribeClientQuotasResponse) (lines []string) {
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return []string{err.Error()}
	}
	for _, e := range response.Entries {
		var entity []string
		for _, part := range e.Entity {
			name := everyone
			if part.Name != nil {
				name = *part.Name
			}
			entity = append(entity, part.Type+"="+name)
		}
		for _, v := range e.Values {
			lines = append(lines, fmt.Sprintf("%s %s=%v", strings.Join(entity, ","), v.Key, v.Value))
		}
	}
	slices.Sort(lines)
	return lines
}

// A tenant's quotas are set and described with an ordinary client, in each version; another tenant has none of them.
func TestClientQuotas(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	both := residents(t, c, "lkc-aaaaaa", "lkc-bbbbbb")
	admin, other := both[0].admin(), both[1].client()
	ctx := testContext(t)
	alter := func(dry bool, entries ...kadm.AlterClientQuotaEntry) kadm.AlteredClientQuotas {
		t.Helper()
		change := admin.AlterClientQuotas
		if dry {
			change = admin.ValidateAlterClientQuotas
		}
		altered, err := change(ctx, entries)
		if err != nil || len(altered) != len(entries) {
			t.Fatalf("%+v, %v", altered, err)
		}
		return altered
	}
	user, client := "sa-guest", "reader"
	pair := kadm.ClientQuotaEntity{{Type: "user", Name: &user}, {Type: "client-id", Name: &client}}
	everybody := kadm.ClientQuotaEntity{{Type: "user"}}
	rate := kadm.AlterClientQuotaOp{Key: quota.ProducerByteRate, Value: 1e6}
	for _, a := range alter(false, kadm.AlterClientQuotaEntry{Entity: pair, Ops: []kadm.AlterClientQuotaOp{rate, {Key: quota.RequestPercentage, Value: 12.5}}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{rate}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ConsumerByteRate, Value: 2e6}}}) {
		if a.Err != nil {
			t.Error(a.Err, a.ErrMessage)
		}
	}
	all := []string{"user=<default> consumer_byte_rate=2e+06", "user=<default> producer_byte_rate=1e+06",
		"user=sa-guest,client-id=reader producer_byte_rate=1e+06", "user=sa-guest,client-id=reader request_percentage=12.5"}
	if got := describeQuotas(t, both[0].client(), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
		t.Errorf("there are %q", got)
	}
	if got := describeQuotas(t, other, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 0 {
		t.Errorf("another tenant has %q", got)
	}
	exact, err := admin.DescribeClientQuotas(ctx, true, []kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: kmsg.QuotasMatchTypeDefault}})
	if err != nil || len(exact) != 1 || len(exact[0].Values) != 2 {
		t.Errorf("the default of users is %+v, %v", exact, err)
	}
	alter(true, kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Value: 5}}})
	mixed := alter(false, kadm.AlterClientQuotaEntry{Entity: pair, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Remove: true}, {Key: "nonsense", Remove: true}}},
		kadm.AlterClientQuotaEntry{Entity: everybody, Ops: []kadm.AlterClientQuotaOp{{Key: quota.ProducerByteRate, Remove: true}, {Key: quota.ConsumerByteRate, Value: -1}}})
	if mixed[0].Err != nil || !errors.Is(mixed[1].Err, kerr.InvalidRequest) || !strings.Contains(mixed[1].ErrMessage, "greater than 0") {
		t.Errorf("one good and one bad: %+v", mixed)
	}
	all = slices.Delete(all, 2, 3)
	if got := describeQuotas(t, both[0].client(), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
		t.Errorf("after the removal of one, a dry run and a mistake there are %q", got)
	}
}

// What is refused is refused one by one, as Kafka does, and says why.
func TestClientQuotaRefusals(t *testing.T) {
	gatewaytest.EmbeddedOnly(t, "what is refused ends in the gateway")
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin, nobody := r.client(), r.nobody().client()
	good := quotaOf("user", "sa-guest", quota.ProducerByteRate, 1)
	if got := describeQuotas(t, nobody, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != 1 || !strings.HasPrefix(got[0], "CLUSTER_AUTHORIZATION_FAILED") {
		t.Errorf("nobody describes: %q", got)
	}
	for _, err := range alterQuotas(t, nobody, alterationOf(false, good, good)) {
		if !errors.Is(err, kerr.ClusterAuthorizationFailed) {
			t.Errorf("nobody alters: %v", err)
		}
	}
	bad := []struct {
		quota clientQuota
		why   string
	}{
		{quotaOf("user", "User:sa-guest", quota.ProducerByteRate, 1), `without "User:"`},
		{quotaOf("ip", "10.0.0.1", "connection_creation_rate", 1), "set by the service"},
		{quotaOf("group", "a", quota.ProducerByteRate, 1), "entity type"},
		{quotaOf("user", "sa-guest", "nonsense", 1), "Invalid configuration key"},
		{quotaOf("user", "sa-guest", quota.ProducerByteRate, 0), "greater than 0"},
		{quotaOf("user", "sa-guest", quota.ProducerByteRate, 0.5), "whole number"},
		{quotaOf("client-id", strings.Repeat("x", 256), quota.ProducerByteRate, 1), "at most 255 bytes"},
	}
	quotas := []clientQuota{good}
	for _, b := range bad {
		quotas = append(quotas, b.quota)
	}
	for i, err := range alterQuotas(t, admin, alterationOf(false, quotas...)) {
		if i == 0 && err != nil || i > 0 && (!errors.Is(err, kerr.InvalidRequest) || !strings.Contains(err.Error(), bad[i-1].why)) {
			t.Errorf("%+v: %v", quotas[i], err)
		}
	}
	group := kmsg.NewPtrDescribeClientQuotasRequest()
	group.Components = []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "group", MatchType: kmsg.QuotasMatchTypeAny}}
	if got := describeQuotas(t, admin, group); !strings.HasPrefix(got[0], "UNSUPPORTED_VERSION") {
		t.Errorf("a filter for groups: %q", got)
	}
	var many []clientQuota
	for i := range quota.MaxClientQuotas {
		many = append(many, quotaOf("user", fmt.Sprint("sa-", i), quota.ProducerByteRate, 1))
	}
	for _, refused := range [][]clientQuota{many, append(many, good)} { // one is there already
		for _, err := range alterQuotas(t, admin, alterationOf(false, refused...)) {
			if !errors.Is(err, kerr.PolicyViolation) || !strings.Contains(err.Error(), "at most 1000") {
				t.Fatalf("one too many: %v", err)
			}
		}
	}
	mustAlterQuotas(t, admin, many[1:]...)
	if got := describeQuotas(t, admin, kmsg.NewPtrDescribeClientQuotasRequest()); len(got) != quota.MaxClientQuotas {
		t.Errorf("there are %d quotas", len(got))
	}
	mustAlterQuotas(t, admin, quotaOf("user", "sa-guest", quota.ConsumerByteRate, 1)) // of one that has some
}

// Every gateway learns of each change, however many are made at once; one that starts knows them all before it takes a
// client; and quotas of another key of the same entity are never overwritten.
func TestClientQuotasOnEveryGateway(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 3})
	r := residents(t, c, "lkc-aaaaaa")[0]
	admin := r.client()
	if err := admin.Ping(testContext(t)); err != nil { // the brokers are known then
		t.Fatal(err)
	}
	keys := []string{quota.ProducerByteRate, quota.ConsumerByteRate, quota.RequestPercentage}
	made := make(chan error)
	var all []string
	for node := range int32(3) {
		for i := range 10 {
			q := quotaOf("user", fmt.Sprint("sa-", i), keys[node], float64(1000+i))
			all = append(all, fmt.Sprintf("user=%s %s=%v", q.name, q.key, q.value))
			go func() {
				response, err := alterationOf(false, q).RequestWith(context.Background(), admin.Broker(int(node)))
				if err == nil {
					err = kerr.ErrorForCode(response.Entries[0].ErrorCode)
				}
				made <- err
			}()
		}
	}
	for range all {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
	slices.Sort(all)
	for node := range 3 {
		eventually(t, func() string {
			if got := describeQuotas(t, admin.Broker(node), kmsg.NewPtrDescribeClientQuotasRequest()); !slices.Equal(got, all) {
				return fmt.Sprintf("gateway %d knows %d of %d quotas", node, len(got), len(all))
			}
			return ""
		})
	}
	describe := kmsg.NewPtrDescribeClientQuotasRequest()
	if got := quotaLines(askAtStart(t, c, r, describe).(*kmsg.DescribeClientQuotasResponse)); !slices.Equal(got, all) {
		t.Errorf("a gateway that has just started knows %q", got)
	}
}
