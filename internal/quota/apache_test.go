package quota_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// Client quotas as Apache Kafka has them: the same random alterations and filters, good and bad, have the same
// answers. Addresses and a part that is named twice are left out: there we differ on purpose.
func TestClientQuotasAgainstApacheKafka(t *testing.T) {
	if os.Getenv("ORRERY_SOAK") != "1" {
		t.Skip("it starts Apache Kafka; ORRERY_SOAK=1 runs it")
	}
	client := kafkatest.StartApache(t, kafkatest.Options{}).Client(t, "")
	random := rand.New(rand.NewPCG(48, 49))
	ours := quota.ClientQuotas{}
	refused := 0
	for range 400 {
		names, operations := randomAlteration(random)
		got := alter(ours, names, operations)
		want := kafkaAlter(t, client, names, operations)
		if got != want {
			t.Errorf("%s %+v: error code %d, Kafka's is %d", show(names), operations, got, want)
		}
		if want != 0 {
			refused++
		}
	}
	everything := func() []string { return kafkaDescribe(t, client, nil, false) }
	poll.Until(t, "the broker to know every quota", func() bool { return slices.Equal(everything(), describe(ours, nil, false)) })
	filters, failed := 1500, 0
	for range filters {
		filter, strict := randomFilter(random), random.IntN(2) == 0
		got, want := describe(ours, filter, strict), kafkaDescribe(t, client, filter, strict)
		if !slices.Equal(got, want) {
			t.Errorf("%+v strict %v:\n%v, Kafka's answer is\n%v", filter, strict, got, want)
		}
		if len(want) == 1 && want[0][0] == 'e' {
			failed++
		}
	}
	if len(everything()) < 10 || refused < 20 || failed < 20 || failed > filters/2 {
		t.Errorf("the cases are too alike: %d entities, %d alterations refused, %d filters refused", len(everything()), refused, failed)
	}
	t.Logf("%d entities, %d of 400 alterations and %d of %d filters refused alike", len(everything()), refused, failed, filters)
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

func randomAlteration(random *rand.Rand) (names []quota.EntityName, operations []quota.Operation) {
	kinds := []string{quota.EntityUser, quota.EntityClientID}
	random.Shuffle(2, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for _, kind := range kinds[:pick(random, 1, 1, 2, 2, 2)] {
		n := pick(random, nil, name("a"), name("b"), name("c d"), name("ü"))
		if random.IntN(40) == 0 {
			kind = "group"
		}
		if random.IntN(40) == 0 {
			n = name("")
		}
		names = append(names, quota.EntityName{Type: kind, Name: n})
	}
	if random.IntN(60) == 0 {
		names = nil
	}
	for range 1 + random.IntN(3) {
		operations = append(operations, quota.Operation{
			Key: pick(random, quota.ProducerByteRate, quota.ConsumerByteRate, quota.RequestPercentage, quota.ControllerMutationRate,
				pick(random, quota.ProducerByteRate, quota.ConsumerByteRate, "connection_creation_rate", "nonsense")),
			Value: pick(random, 1, 1000, 5e6, 1e12, 0.5, 12.25, pick(random, 1, 2, 0, -1, 1e19)), Remove: random.IntN(4) == 0,
		})
	}
	return names, operations
}

func randomFilter(random *rand.Rand) (filter []quota.Component) {
	kinds := []string{quota.EntityUser, quota.EntityClientID, pick(random, quota.EntityUser, "ip", "", "group")}
	for _, kind := range kinds[:pick(random, 0, 1, 1, 2, 2, 2, 3)] {
		c := quota.Component{Type: kind, MatchType: int8(random.IntN(3))}
		if c.MatchType == quota.MatchExact {
			c.Match = name(pick(random, "a", "b", "c d", "ü", "z"))
		}
		switch random.IntN(60) {
		case 0:
			c.Match = nil
		case 1:
			c.Match = name("a")
		case 2:
			c.MatchType = pick(random, int8(-1), 3)
		}
		filter = append(filter, c)
	}
	return filter
}

// codeOf is the error code that the gateway answers with.
func codeOf(err error) int16 {
	switch orrery.ErrorCode(err) {
	case "":
		return 0
	case orrery.UnsupportedValue:
		return kerr.UnsupportedVersion.Code
	default:
		return kerr.InvalidRequest.Code
	}
}

func alter(quotas quota.ClientQuotas, names []quota.EntityName, operations []quota.Operation) int16 {
	entity, err := quota.NewEntity(names)
	if err != nil {
		return codeOf(err)
	}
	values, err := quotas.Alter(entity, operations)
	if err != nil {
		return codeOf(err)
	}
	if quotas[entity] = values; len(values) == 0 {
		delete(quotas, entity)
	}
	return 0
}

func kafkaAlter(t *testing.T, client *kgo.Client, names []quota.EntityName, operations []quota.Operation) int16 {
	t.Helper()
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for _, n := range names {
		entry.Entity = append(entry.Entity, kmsg.AlterClientQuotasRequestEntryEntity{Type: n.Type, Name: n.Name})
	}
	for _, o := range operations {
		entry.Ops = append(entry.Ops, kmsg.AlterClientQuotasRequestEntryOp{Key: o.Key, Value: o.Value, Remove: o.Remove})
	}
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = append(request.Entries, entry)
	response, err := request.RequestWith(t.Context(), client)
	if err != nil || len(response.Entries) != 1 {
		t.Fatalf("AlterClientQuotas: %+v, %v", response, err)
	}
	return response.Entries[0].ErrorCode
}

func show(names []quota.EntityName) (s string) {
	for _, n := range names {
		s += n.Type + "="
		if n.Name == nil {
			s += "default "
		} else {
			s += fmt.Sprintf("%q ", *n.Name)
		}
	}
	return s
}

// describe returns a line for each entry, sorted, or one that is an error.
func describe(quotas quota.ClientQuotas, filter []quota.Component, strict bool) (lines []string) {
	entries, err := quotas.Describe(filter, strict)
	if err != nil {
		return []string{fmt.Sprintf("error %d", codeOf(err))}
	}
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf("%s%v", show(e.Entity.Names()), e.Values))
	}
	slices.Sort(lines)
	return lines
}

func kafkaDescribe(t *testing.T, client *kgo.Client, filter []quota.Component, strict bool) (lines []string) {
	t.Helper()
	request := kmsg.NewPtrDescribeClientQuotasRequest()
	request.Strict = strict
	for _, c := range filter {
		request.Components = append(request.Components, kmsg.DescribeClientQuotasRequestComponent{EntityType: c.Type, MatchType: kmsg.QuotasMatchType(c.MatchType), Match: c.Match})
	}
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatalf("DescribeClientQuotas: %v", err)
	}
	if response.ErrorCode != 0 {
		return []string{fmt.Sprintf("error %d", response.ErrorCode)}
	}
	for _, e := range response.Entries {
		var names []quota.EntityName
		for _, n := range e.Entity {
			names = append(names, quota.EntityName{Type: n.Type, Name: n.Name})
		}
		slices.SortFunc(names, func(a, b quota.EntityName) int { return cmp.Compare(b.Type, a.Type) }) // the user first
		values := map[string]float64{}
		for _, v := range e.Values {
			values[v.Key] = v.Value
		}
		lines = append(lines, fmt.Sprintf("%s%v", show(names), values))
	}
	slices.Sort(lines)
	return lines
}
