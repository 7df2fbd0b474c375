package quota_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/quota"
)

func name(s string) *string { return &s }

// Kafka's documented order, most specific first, with whose use counts together.
var precedence = []struct {
	entity quota.Entity
	scope  quota.Scope
}{
	{quota.Entity{User: quota.Named("u"), ClientID: quota.Named("c")}, quota.Scope{User: "u", ClientID: "c", ByUser: true, ByClientID: true}},
	{quota.Entity{User: quota.Named("u"), ClientID: quota.Default}, quota.Scope{User: "u", ClientID: "c", ByUser: true, ByClientID: true}},
	{quota.Entity{User: quota.Named("u")}, quota.Scope{User: "u", ByUser: true}},
	{quota.Entity{User: quota.Default, ClientID: quota.Named("c")}, quota.Scope{User: "u", ClientID: "c", ByUser: true, ByClientID: true}},
	{quota.Entity{User: quota.Default, ClientID: quota.Default}, quota.Scope{User: "u", ClientID: "c", ByUser: true, ByClientID: true}},
	{quota.Entity{User: quota.Default}, quota.Scope{User: "u", ByUser: true}},
	{quota.Entity{ClientID: quota.Named("c")}, quota.Scope{ClientID: "c", ByClientID: true}},
	{quota.Entity{ClientID: quota.Default}, quota.Scope{ClientID: "c", ByClientID: true}},
}

func TestMatchFollowsKafkasOrder(t *testing.T) {
	// Every subset of the eight levels: the first that is there wins.
	for subset := range 1 << len(precedence) {
		quotas := quota.ClientQuotas{{User: quota.Named("other"), ClientID: quota.Named("c")}: {quota.ProducerByteRate: 7}}
		first := -1
		for i, p := range precedence {
			if subset&(1<<i) != 0 {
				quotas[p.entity] = map[string]float64{quota.ProducerByteRate: float64(100 + i)}
				if first < 0 {
					first = i
				}
			}
		}
		got := quotas.Match("u", "c")
		if first < 0 {
			if len(got) != 0 {
				t.Errorf("without quotas: %+v", got)
			}
			continue
		}
		want := []quota.Limit{{Key: quota.ProducerByteRate, Value: float64(100 + first), Entity: precedence[first].entity, Scope: precedence[first].scope}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("subset %08b (-want +got):\n%s", subset, diff)
		}
	}
}

func TestMatchTakesEachKeyByItself(t *testing.T) {
	quotas := quota.ClientQuotas{
		{User: quota.Named("u")}:    {quota.ProducerByteRate: 1000, quota.RequestPercentage: 50},
		{User: quota.Default}:       {quota.ProducerByteRate: 1, quota.ControllerMutationRate: 0.5},
		{ClientID: quota.Default}:   {quota.ConsumerByteRate: 2000},
		{User: quota.Named("u2")}:   {quota.ConsumerByteRate: 3},
		{ClientID: quota.Named("")}: {quota.ConsumerByteRate: 4},
	}
	var got []string
	for _, l := range quotas.Match("u", "c") {
		got = append(got, fmt.Sprintf("%s %v %v", l.Key, l.Dimension(), l.Rate()))
	}
	want := []string{
		fmt.Sprintf("consumer_byte_rate egress %v", quota.Rate{Units: 2000, Per: time.Second, Burst: 1000}),
		fmt.Sprintf("controller_mutation_rate partition changes %v", quota.Rate{Units: 500, Per: 1000 * time.Second, Burst: 5}),
		fmt.Sprintf("producer_byte_rate ingress %v", quota.Rate{Units: 1000, Per: time.Second, Burst: 500}),
		fmt.Sprintf("request_percentage request time %v", quota.Rate{Units: 500_000, Per: time.Second, Burst: 250_000}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewEntity(t *testing.T) {
	for _, test := range []struct {
		names []quota.EntityName
		want  quota.Entity
		error string
	}{
		{[]quota.EntityName{{"client-id", nil}, {"user", name("u")}}, quota.Entity{User: quota.Named("u"), ClientID: quota.Default}, ""},
		{nil, quota.Entity{}, "Invalid empty client quota entity"},
		{[]quota.EntityName{{"ip", name("10.0.0.1")}}, quota.Entity{}, "set by the service"},
		{[]quota.EntityName{{"group", nil}}, quota.Entity{}, `Unhandled client quota entity type: "group"`},
		{[]quota.EntityName{{"user", name("")}}, quota.Entity{}, "Empty user not supported"},
		{[]quota.EntityName{{"user", name("User:sa-1")}}, quota.Entity{}, `without "User:": "sa-1"`},
		{[]quota.EntityName{{"user", name("a")}, {"user", nil}}, quota.Entity{}, "named twice"},
		{[]quota.EntityName{{"user", name(strings.Repeat("a", 256))}}, quota.Entity{}, "at most 255 bytes"},
		{[]quota.EntityName{{"client-id", name("\xff\xfe")}}, quota.Entity{}, "must be UTF-8"},
	} {
		got, err := quota.NewEntity(test.names)
		if got != test.want || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%v: %+v, %v; want %q", test.names, got, err, test.error)
		}
		if err != nil && orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%v: the code is %s", test.names, orrery.ErrorCode(err))
		}
		if err == nil {
			again, err := quota.NewEntity(got.Names())
			if again != got || err != nil {
				t.Errorf("%+v comes back as %+v, %v", got, again, err)
			}
		}
	}
}

func TestAlter(t *testing.T) {
	user := quota.Entity{User: quota.Named("u")}
	quotas := quota.ClientQuotas{user: {quota.ProducerByteRate: 1000}}
	for _, test := range []struct {
		operations []quota.Operation
		want       map[string]float64
		error      string
	}{
		{[]quota.Operation{{Key: quota.ConsumerByteRate, Value: 5}}, map[string]float64{quota.ProducerByteRate: 1000, quota.ConsumerByteRate: 5}, ""},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Remove: true}, {Key: quota.RequestPercentage, Remove: true}}, map[string]float64{}, ""},
		{[]quota.Operation{{Key: quota.RequestPercentage, Value: 12.5}, {Key: quota.ProducerByteRate, Value: 1}}, map[string]float64{quota.ProducerByteRate: 1, quota.RequestPercentage: 12.5}, ""},
		{[]quota.Operation{{Key: "leader_rate", Remove: true}}, map[string]float64{quota.ProducerByteRate: 1000}, ""},
		{[]quota.Operation{{Key: "leader_rate", Value: 1}}, nil, `Invalid configuration key "leader_rate"`},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Value: 1.5}}, nil, "must be a whole number"},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Value: 1e19}}, nil, "must be a whole number"},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Value: 0}}, nil, "must be greater than 0"},
		{[]quota.Operation{{Key: quota.RequestPercentage, Value: math.NaN()}}, nil, "must be greater than 0"},
		{[]quota.Operation{{Key: quota.RequestPercentage, Value: math.Inf(1)}}, nil, "must be greater than 0"},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Value: -1}}, nil, "must be greater than 0"},
		{[]quota.Operation{{Key: quota.ProducerByteRate, Value: 1}, {Key: quota.ProducerByteRate, Remove: true}}, nil, `Duplicate quota key "producer_byte_rate"`},
	} {
		got, err := quotas.Alter(user, test.operations)
		if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%v: %v, want error %q (-want +got):\n%s", test.operations, err, test.error, diff)
		}
	}
	if quotas[user][quota.ProducerByteRate] != 1000 || len(quotas[user]) != 1 {
		t.Errorf("Alter changed %v", quotas)
	}
}

// What is stored is read back, under an ID of its own; what no client can have set is refused.
func TestSetting(t *testing.T) {
	ids := map[string]quota.Setting{}
	for _, entity := range []quota.Entity{{User: quota.Named("u")}, {User: quota.Default}, {ClientID: quota.Named("u")}, {User: quota.Named("u"), ClientID: quota.Default}} {
		for _, key := range []string{quota.ProducerByteRate, quota.RequestPercentage} {
			s := quota.Setting{Entity: entity, Key: key, Value: 1234567}
			content, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var again quota.Setting
			if err := json.Unmarshal(content, &again); err != nil || again != s {
				t.Errorf("%s is read as %+v, %v", content, again, err)
			}
			if other, twice := ids[s.ID()]; twice {
				t.Errorf("%+v and %+v have the same ID", s, other)
			}
			ids[s.ID()] = s
			if s.Value++; again.ID() != s.ID() {
				t.Error("another value is another setting")
			}
		}
	}
	for _, bad := range []string{"{", `{"key":"producer_byte_rate","value":1}`, `{"entity":[{"type":"ip"}],"key":"producer_byte_rate","value":1}`,
		`{"entity":[{"type":"user"}],"key":"connection_creation_rate","value":1}`, `{"entity":[{"type":"user"}],"key":"producer_byte_rate","value":-1}`} {
		var s quota.Setting
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s is taken for %+v", bad, s)
		}
	}
}

func TestDescribe(t *testing.T) {
	// The entities of Kafka's own ClientQuotasRequestTest, without its addresses.
	var quotas = quota.ClientQuotas{}
	for i, e := range []quota.Entity{
		{User: quota.Named("user-1"), ClientID: quota.Named("client-id-1")}, {User: quota.Named("user-1"), ClientID: quota.Named("client-id-2")},
		{User: quota.Named("user-1"), ClientID: quota.Default}, {User: quota.Default, ClientID: quota.Named("client-id-1")},
		{User: quota.Default, ClientID: quota.Default}, {User: quota.Named("user-1")}, {User: quota.Named("user-2")}, {User: quota.Default},
		{ClientID: quota.Named("client-id-1")}, {ClientID: quota.Default},
	} {
		quotas[e] = map[string]float64{quota.RequestPercentage: float64(i)}
	}
	exact := func(kind, s string) quota.Component {
		return quota.Component{Type: kind, MatchType: quota.MatchExact, Match: &s}
	}
	anyOf := func(kind string) quota.Component { return quota.Component{Type: kind, MatchType: quota.MatchSpecified} }
	defaultOf := func(kind string) quota.Component { return quota.Component{Type: kind, MatchType: quota.MatchDefault} }
	for _, test := range []struct {
		filter []quota.Component
		strict bool
		want   []float64
	}{
		{nil, false, []float64{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{nil, true, nil},
		{[]quota.Component{exact("user", "user-1")}, false, []float64{0, 1, 2, 5}},
		{[]quota.Component{exact("user", "user-1")}, true, []float64{5}},
		{[]quota.Component{exact("user", "user-1"), exact("client-id", "client-id-2")}, true, []float64{1}},
		{[]quota.Component{anyOf("user")}, true, []float64{5, 6, 7}},
		{[]quota.Component{anyOf("user"), anyOf("client-id")}, true, []float64{0, 1, 2, 3, 4}},
		{[]quota.Component{defaultOf("client-id")}, false, []float64{2, 4, 9}},
		{[]quota.Component{defaultOf("user"), defaultOf("client-id")}, true, []float64{4}},
		{[]quota.Component{exact("user", "nobody")}, false, nil},
		{[]quota.Component{anyOf("ip")}, false, nil},
	} {
		entries, err := quotas.Describe(test.filter, test.strict)
		if err != nil {
			t.Fatal(err)
		}
		got, want := map[float64]bool{}, map[float64]bool{}
		for _, e := range entries {
			got[e.Values[quota.RequestPercentage]] = true
		}
		for _, w := range test.want {
			want[w] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v, strict %v (-want +got):\n%s", test.filter, test.strict, diff)
		}
		again, _ := quotas.Describe(test.filter, test.strict)
		if diff := cmp.Diff(entries, again); diff != "" {
			t.Errorf("the order is not stable:\n%s", diff)
		}
	}
	for _, test := range []struct {
		filter []quota.Component
		code   orrery.Code
	}{
		{[]quota.Component{anyOf("")}, orrery.Invalid},
		{[]quota.Component{anyOf("user"), defaultOf("user")}, orrery.Invalid},
		{[]quota.Component{anyOf("group")}, orrery.UnsupportedValue},
		{[]quota.Component{{Type: "user", MatchType: 3}}, orrery.Invalid},
		{[]quota.Component{{Type: "user", MatchType: -1}}, orrery.Invalid},
		{[]quota.Component{{Type: "user", MatchType: quota.MatchExact}}, orrery.Invalid},
		{[]quota.Component{{Type: "user", MatchType: quota.MatchDefault, Match: name("x")}}, orrery.Invalid},
		{[]quota.Component{{Type: "user", MatchType: quota.MatchSpecified, Match: name("x")}}, orrery.Invalid},
		{[]quota.Component{anyOf("ip"), anyOf("user")}, orrery.Invalid},
	} {
		if _, err := quotas.Describe(test.filter, false); orrery.ErrorCode(err) != test.code {
			t.Errorf("%+v: %v, want %s", test.filter, err, test.code)
		}
	}
}
