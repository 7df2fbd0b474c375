package gateway

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// IsolationField is one field of a message that carries something that can tell tenants apart or lead to another.
type IsolationField struct {
	Key      int16
	Response bool
	// Path begins with the name of kmsg's message type; it is the key of IsolationRules.
	Path string
	// Type is Go's.
	Type string
	// index leads to the field: of a struct its number, of a slice or pointer nothing.
	index []int
}

// carryingNumber matches the names of fields that are numbers and still say who or where somebody is.
var carryingNumber = regexp.MustCompile(`^(ProducerID|ProducerIDFilters|NodeID|Port|SessionID|ReplicaID|ControllerID|LeaderID|Leader|BrokerID|Replicas|ISR|OfflineReplicas|PreferredReadReplica|EligibleLeaderReplicas|LastKnownELR|SubscriptionID|ID)$`)

// IsolationFieldsOf lists the fields of a key's request or response, in their order.
var IsolationFieldsOf = func() func(key int16, response bool) []IsolationField {
	var mu sync.Mutex
	known := map[string][]IsolationField{}
	return func(key int16, response bool) []IsolationField {
		mu.Lock()
		defer mu.Unlock()
		id := fmt.Sprint(key, response)
		if _, ok := known[id]; !ok {
			var fields []IsolationField
			if message := messageOf(key, response); message != nil {
				t := reflect.TypeOf(message).Elem()
				fields = fieldsOf(t, IsolationField{Key: key, Response: response, Path: t.Name()})
			}
			known[id] = fields
		}
		return known[id]
	}
}()

// message is what kmsg's requests and responses have in common.
type message interface {
	Key() int16
	SetVersion(int16)
	MaxVersion() int16
	IsFlexible() bool
	AppendTo([]byte) []byte
}

func messageOf(key int16, response bool) message {
	request := kmsg.RequestForKey(key)
	switch {
	case request == nil:
		return nil
	case response:
		return request.ResponseKind()
	}
	return request
}

func fieldsOf(t reflect.Type, parent IsolationField) []IsolationField {
	var fields []IsolationField
	for i := range t.NumField() {
		of := t.Field(i)
		if of.Type == tagsType || len(parent.index) == 0 && of.Name == "Version" {
			continue
		}
		f := parent
		f.Path, f.Type = f.Path+"."+of.Name, of.Type.String()
		f.index = append(slices.Clone(f.index), i)
		element := of.Type
		for element.Kind() == reflect.Slice || element.Kind() == reflect.Pointer {
			element = element.Elem()
		}
		switch element.Kind() {
		case reflect.Struct:
			fields = append(fields, fieldsOf(element, f)...)
		case reflect.String, reflect.Uint8, reflect.Array, reflect.Map, reflect.Interface:
			fields = append(fields, f)
		default:
			if carryingNumber.MatchString(of.Name) {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

// Values returns the field's values in a message, one for each element of the arrays that it is in.
func (f IsolationField) Values(message any) []reflect.Value {
	values := []reflect.Value{reflect.ValueOf(message).Elem()}
	for _, i := range f.index {
		var next []reflect.Value
		for _, v := range values {
			for _, each := range elements(v) {
				next = append(next, each.Field(i))
			}
		}
		values = next
	}
	return values
}

// elements returns the structs that a field leads to.
func elements(v reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return elements(v.Elem())
	case reflect.Slice:
		var all []reflect.Value
		for i := range v.Len() {
			all = append(all, elements(v.Index(i))...)
		}
		return all
	}
	return []reflect.Value{v}
}

// In reports whether a version of the message has the field: whether a change to it changes what is encoded.
func (f IsolationField) In(version int16) bool {
	id := presenceKey{f.Path, version}
	if known, ok := presence.Load(id); ok {
		return known.(bool)
	}
	filled := func() message {
		m := messageOf(f.Key, f.Response)
		fillDeep(reflect.ValueOf(m).Elem())
		m.SetVersion(version)
		return m
	}
	with, without := filled(), filled()
	for _, v := range f.Values(with) {
		change(v)
	}
	in := string(with.AppendTo(nil)) != string(without.AppendTo(nil))
	presence.Store(id, in)
	return in
}

type presenceKey struct {
	path    string
	version int16
}

var presence sync.Map // presenceKey -> bool

// fillDeep is fill that goes through pointers to structs too.
func fillDeep(v reflect.Value) {
	fill(v)
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case f.Type() == tagsType:
		case f.Kind() == reflect.Struct:
			fillDeep(f)
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct:
			fillDeep(f.Elem())
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			fillDeep(f.Index(0))
		}
	}
}

// OfferedVersions returns what the gateway offers of a key, where the engine has it too.
func OfferedVersions(key int16) (minVersion, maxVersion int16, offered bool) {
	for _, h := range allHandlers() {
		if h.key == key {
			return h.min, h.max, true
		}
	}
	return 0, 0, false
}

// Every field that kmsg has is in the table, and the table has nothing else.
func TestIsolationRulesAreComplete(t *testing.T) {
	unknown := maps.Clone(IsolationRules)
	for key := range int16(kmsg.MaxKey + 1) {
		_, _, offered := OfferedVersions(key)
		_, denied := DeniedKeys[key]
		switch {
		case messageOf(key, false) == nil:
			continue
		case offered && denied:
			t.Errorf("%s (%d) is offered, and the table of denied keys says why it is not", kmsg.NameForKey(key), key)
		case denied:
			continue
		}
		for _, f := range append(slices.Clone(IsolationFieldsOf(key, false)), IsolationFieldsOf(key, true)...) {
			rule, known := IsolationRules[f.Path]
			if !known {
				t.Errorf("%q (%s) has no rule; decide what keeps tenants apart there, and add it to IsolationRules", f.Path, f.Type)
			} else if rule.Kind == "" || rule.Says == "" {
				t.Errorf("the rule of %q says nothing", f.Path)
			}
			delete(unknown, f.Path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(unknown)) {
		t.Errorf("the table has a rule for %q, which is no field of a key that may be offered", path)
	}
	for _, h := range allHandlers() {
		if messageOf(h.key, false) == nil || DeniedKeys[h.key] != "" {
			t.Errorf("key %d is offered without rules", h.key)
		}
	}
}

// A field that is new in kmsg is found: of a message that is like a request with one more field the table does not
// know that one.
func TestIsolationFieldsFindsWhatIsNew(t *testing.T) {
	type nested struct {
		Principal []string
		Blob      *[]byte
		Count     int32
	}
	type newer struct {
		Version int16
		Topics  []struct {
			Topic    string
			Uuids    [][16]byte
			Optional *nested
		}
		BrokerID int32
	}
	var paths []string
	for _, f := range fieldsOf(reflect.TypeFor[newer](), IsolationField{Path: "Newer"}) {
		paths = append(paths, f.Path)
	}
	want := []string{"Newer.Topics.Topic", "Newer.Topics.Uuids", "Newer.Topics.Optional.Principal", "Newer.Topics.Optional.Blob", "Newer.BrokerID"}
	if !slices.Equal(paths, want) {
		t.Errorf("the fields are %q, want %q", paths, want)
	}
}

const isolationDocument = "../../docs/reference/isolation.md"

func TestGoldenIsolationDocument(t *testing.T) {
	made := isolationDocumentText()
	if *update {
		if err := os.MkdirAll("../../docs/reference", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(isolationDocument, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(isolationDocument)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != made {
		t.Errorf("%s is not what the rules say; read the difference, then: go test ./internal/gateway -run GoldenIsolation -update", isolationDocument)
	}
}

// passesAnyway is what no rule keeps in.
const passesAnyway = `
## What passes anyway

A tenant is never told another one's names, ids, records or settings. This is what it can notice or leave behind all the same:

* **Time.** Tenants share brokers, and a busy neighbour makes answers slower. Quotas bound how much one may use, not what others can measure
  of it. How long an answer takes does not depend on whether another tenant has a thing of the same name: names are made physical first.
* **The size of numbers.** Apache Kafka counts producer ids for the whole physical cluster, and the embedded engine fetch sessions. From two
  numbers of its own a tenant can estimate how many were given out in between, to all tenants together.
* **Throttle times.** One that a broker sets passes to the client. A broker sets it by what all tenants together do, if an operator gives
  the gateways' principal a quota there; without such a quota it is 0.
* **What brokers log.** Client ids and physical names of topics and groups appear in the logs of the brokers, which operators read and no
  tenant does. Client ids are the client's own words, bounded only by what a frame may hold, and not to be trusted there. The names and
  versions of client software end in the gateway.
* **Errors that brokers log.** A value that Kafka does not have is refused by the gateway where a broker would write a stack trace for it:
  isolation levels, types of resources and coordinators, and operations on configurations.
* **Unknown tagged fields** are taken out of requests, since a newer broker could understand them. In responses they pass as the broker wrote
  them: only a broker that is newer than the gateway writes one.
* **Versions and features.** The newest version of each API that the brokers have is seen in what is offered, and so which release they are of.
* **Numbers of nodes and names of zones** are those of the physical cluster, the same for every tenant on it.
`

func isolationDocumentText() string {
	var b strings.Builder
	fields, rows := 0, 0
	for key := range int16(kmsg.MaxKey + 1) {
		if messageOf(key, false) == nil || DeniedKeys[key] != "" {
			continue
		}
		section, n := keySection(key)
		b.WriteString(section)
		rows += n
		fields += len(IsolationFieldsOf(key, false)) + len(IsolationFieldsOf(key, true))
	}
	b.WriteString("\n## Keys that are not offered\n\nA request with such a key is answered UNSUPPORTED_VERSION where its response has room for an error, and closes the connection elsewhere. It is not decoded, so no field of it reaches a broker.\n\n| key | API | versions | fields that carry something | why |\n|---|---|---|---|---|\n")
	for key := range int16(kmsg.MaxKey + 1) {
		if m := messageOf(key, false); m != nil && DeniedKeys[key] != "" {
			n := len(IsolationFieldsOf(key, false)) + len(IsolationFieldsOf(key, true))
			fmt.Fprintf(&b, "| %d | %s | 0-%d | %d | denied key: %s |\n", key, kmsg.NameForKey(key), m.MaxVersion(), n, DeniedKeys[key])
		}
	}
	head := "# What keeps tenants apart, field by field\n\n" +
		"Made by `go test ./internal/gateway -run GoldenIsolation -update` from the rules in `internal/gateway/isolation_rules_test.go` and\n" +
		"kmsg's types: every field of the Kafka protocol that carries a name, an id, a principal, an address or free text. A test fails when\n" +
		"kmsg has a field without a rule. Other tests hold every frame of random requests of hostile tenants against these rules, on both sides\n" +
		"of the gateway, and drop the rules one by one to see that this is noticed (`internal/gateway/isolation_*_test.go`).\n\n" +
		"* **translate**: the tenant's name on its side, `lkc-…_` and the name on the broker's.\n" +
		"* **check**: an id that is refused unless it is the tenant's. **forced**: one value, whatever the client says.\n" +
		"* **substituted**: the gateway's value in place of the broker's. **scrubbed**: a text without physical names.\n" +
		"* **allow-list**: only what is listed passes. **opaque**: passes as it is, for the reason given. **local**: ends in the gateway.\n\n"
	return head + fmt.Sprintf("%d fields; %d, counting each in each version.\n", fields, rows) + passesAnyway + b.String()
}

// keySection is the table of one key, and the number of its fields times versions.
func keySection(key int16) (text string, rows int) {
	var b strings.Builder
	minVersion, maxVersion, offered := OfferedVersions(key)
	says := fmt.Sprintf("versions %d-%d", minVersion, maxVersion)
	if !offered {
		minVersion, maxVersion = 0, messageOf(key, false).MaxVersion()
		says = fmt.Sprintf("not offered yet; the rules of versions 0-%d", maxVersion)
	}
	fmt.Fprintf(&b, "\n## %d %s\n\n%s\n\n", key, kmsg.NameForKey(key), strings.ToUpper(says[:1])+says[1:]+".")
	head := "| field | versions | rule | |\n|---|---|---|---|\n"
	for _, response := range []bool{false, true} {
		for _, f := range IsolationFieldsOf(key, response) {
			versions, n := f.versions(minVersion, maxVersion)
			rule := IsolationRules[f.Path]
			b.WriteString(head)
			head = ""
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.ReplaceAll(f.Path, "_", `\_`), versions, rule.Kind, rule.Says)
			rows += n
		}
	}
	if head != "" {
		b.WriteString("No field carries anything.\n")
	}
	return b.String(), rows
}

func (f IsolationField) versions(minVersion, maxVersion int16) (text string, n int) {
	first, last := int16(-1), int16(-1)
	for v := minVersion; v <= maxVersion; v++ {
		if f.In(v) {
			if first < 0 {
				first = v
			}
			last = v
			n++
		}
	}
	switch {
	case first < 0:
		return "none offered", 0
	case first == last:
		return fmt.Sprint(first), n
	}
	return fmt.Sprintf("%d-%d", first, last), n
}
