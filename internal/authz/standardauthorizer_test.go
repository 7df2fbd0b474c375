package authz_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/engine"
)

// question is one request, as testdata/StandardAuthorizerAnswers.java reads it.
type question struct {
	Principal    string             `json:"principal"`
	Host         string             `json:"host"`
	Operation    authz.Operation    `json:"operation"`
	ResourceType authz.ResourceType `json:"resource_type"`
	ResourceName string             `json:"resource_name"`
}

// world is a set of ACLs and questions about it.
type world struct {
	ACLs           []authz.ACL          `json:"acls"`
	Authorize      []question           `json:"authorize,omitempty"`
	ByResourceType []question           `json:"by_resource_type,omitempty"`
	Filters        []authz.Filter       `json:"filters,omitempty"`
	Create         []authz.ACL          `json:"create,omitempty"`
	Supported      []authz.ResourceType `json:"supported,omitempty"`
}

// answers has a character for each question of a kind.
type answers struct {
	Authorize      string `json:"authorize"`
	ByResourceType string `json:"by_resource_type"`
	Filters        string `json:"filters"`
	Create         string `json:"create"`
	Supported      string `json:"supported"`
}

// askKafka has Apache Kafka's own classes answer, all worlds in one JVM.
func askKafka(t *testing.T, worlds []world) []answers {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	if _, err := exec.LookPath("java"); err != nil && os.Getenv("JAVA_HOME") == "" {
		t.Skip("no java in PATH and no JAVA_HOME: install a JDK 17 or newer")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the first installation takes a minute
	defer cancel()
	kafka, err := engine.Install(ctx, engine.Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	var input, output, errors bytes.Buffer
	for _, w := range worlds {
		if err := json.NewEncoder(&input).Encode(w); err != nil {
			t.Fatal(err)
		}
	}
	// java compiles a program that is given as a source file.
	command := exec.CommandContext(ctx, kafka.Java, kafka.Arguments(engine.JVM{FirstTierOnly: true, LogLevel: "OFF"}, "testdata/StandardAuthorizerAnswers.java")...)
	command.Stdin, command.Stdout, command.Stderr = &input, &output, &errors
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, errors.String(), output.String())
	}
	var all []answers
	lines := bufio.NewScanner(&output)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var a answers
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		all = append(all, a)
	}
	if len(all) != len(worlds) {
		t.Fatalf("%d answers to %d worlds: %s", len(all), len(worlds), errors.String())
	}
	return all
}

// answer is what authz answers.
func (w world) answer() answers {
	a := authz.NewAuthorizer(tenant).With(authz.Changes{AddACLs: w.ACLs})
	var authorize, byResourceType, filters, create, supported strings.Builder
	for _, q := range w.Authorize {
		authorize.WriteByte(letter(a.Authorize(authz.Request(q)).Allowed))
	}
	for _, q := range w.ByResourceType {
		byResourceType.WriteByte(letter(a.AuthorizeByResourceType(authz.Request(q)).Allowed))
	}
	for _, f := range w.Filters {
		for _, acl := range w.ACLs {
			filters.WriteString(strconv.Itoa(map[bool]int{true: 1}[f.Matches(acl)]))
		}
	}
	for _, acl := range w.Create {
		create.WriteString(map[bool]string{true: "V", false: "R"}[acl.Validate() == nil])
	}
	for _, t := range w.Supported {
		supported.WriteString(strconv.Itoa(int(authz.Supported(t))) + " ")
	}
	return answers{authorize.String(), byResourceType.String(), filters.String(), create.String(), supported.String()}
}

func letter(allowed bool) byte {
	if allowed {
		return 'A'
	}
	return 'D'
}

// TestAnswersOfStandardAuthorizer asks Apache Kafka's own authorizer and this one the same 10,000 questions, 5,000
// more about whole types of resources, and as many about filters and about ACLs to be created.
func TestAnswersOfStandardAuthorizer(t *testing.T) {
	const seed = 20261122
	r := newRandom(seed)
	worlds := make([]world, 500)
	for i := range worlds {
		w := &worlds[i]
		w.ACLs = r.acls(1 + i%100)
		for range 20 {
			w.Authorize = append(w.Authorize, question(r.near(w.ACLs)))
		}
		for range 10 {
			w.ByResourceType = append(w.ByResourceType, question(r.near(w.ACLs)))
		}
		for range 4 {
			w.Filters = append(w.Filters, r.filter())
			w.Create = append(w.Create, r.perhapsInvalid())
		}
	}
	worlds = append(worlds, world{Supported: resourceTypes})
	for _, o := range oddities() {
		worlds = append(worlds, o.world)
	}
	kafka := askKafka(t, worlds)
	count := map[byte]int{}
	wrong := 0
	for i, w := range worlds {
		ours := w.answer()
		for _, text := range []string{ours.Authorize, ours.ByResourceType, ours.Filters, ours.Create} {
			for _, c := range []byte(text) {
				count[c]++
			}
		}
		if ours == kafka[i] {
			continue
		}
		if wrong++; wrong > 3 {
			continue
		}
		t.Errorf("seed %d, world %d:\nKafka %+v\nours  %+v\nACLs: %s\n%s", seed, i, kafka[i], ours, listed(w.ACLs), difference(w, kafka[i], ours))
	}
	t.Logf("answers: %d allowed, %d denied; %d selected, %d not; %d valid, %d refused", count['A'], count['D'], count['1'], count['0'], count['V'], count['R'])
	for _, c := range []byte("AD10VR") {
		if count[c] < 500 {
			t.Errorf("only %d answers are %q: the questions say little", count[c], c)
		}
	}
}

// perhapsInvalid makes an ACL that Kafka may refuse to create. The name of a cluster is checked elsewhere in Kafka.
func (r random) perhapsInvalid() authz.ACL {
	a := r.acl()
	switch r.IntN(8) {
	case 0:
		a.ResourceType = one(r, authz.ResourceAny, authz.ResourceUnknown)
	case 1:
		a.PatternType = one(r, authz.PatternAny, authz.PatternMatch, authz.PatternUnknown)
	case 2:
		a.Operation = one(r, authz.OperationAny, authz.OperationUnknown)
	case 3:
		a.Permission = one(r, authz.PermissionAny, authz.PermissionUnknown)
	case 4:
		a.ResourceName = ""
	case 5:
		a.Principal = one(r, "", "a", "User", "*", ":", "User:*", ":a")
	}
	return a
}

func listed(acls []authz.ACL) string {
	var b strings.Builder
	for _, a := range acls {
		b.WriteString("\n  " + a.String())
	}
	return b.String()
}

// difference names the first question that the two answer differently.
func difference(w world, kafka, ours answers) string {
	for i, q := range w.Authorize {
		if kafka.Authorize[i] != ours.Authorize[i] {
			return "authorize " + authz.Verdict{}.Reason(authz.Request(q))
		}
	}
	for i, q := range w.ByResourceType {
		if kafka.ByResourceType[i] != ours.ByResourceType[i] {
			return "by resource type " + authz.Verdict{}.Reason(authz.Request(q))
		}
	}
	for i, a := range w.Create {
		if kafka.Create[i] != ours.Create[i] {
			return "create " + a.String()
		}
	}
	return "a filter"
}

// TestWhereKafkaIsWrong holds the cases in which this authorizer does what Kafka documents and StandardAuthorizer of
// DefaultVersion does not: should it change, this test says so.
func TestWhereKafkaIsWrong(t *testing.T) {
	acl := func(name string, pattern authz.PatternType, permission authz.Permission) authz.ACL {
		return authz.ACL{ResourceType: authz.ResourceGroup, ResourceName: name, PatternType: pattern, Principal: "User:a", Host: "*",
			Operation: authz.OperationRead, Permission: permission}
	}
	ask := func(name string) []question {
		return []question{{"User:a", hosts[0], authz.OperationRead, authz.ResourceGroup, name}}
	}
	tests := []struct {
		why         string
		world       world
		kafka, ours string
	}{
		{"the ACL on every resource does not count for a name that begins with a star",
			world{ACLs: []authz.ACL{acl("*", authz.PatternLiteral, authz.PermissionAllow)}, Authorize: ask("*x")}, "D", "A"},
		{"nor where it denies",
			world{ACLs: []authz.ACL{acl("*", authz.PatternLiteral, authz.PermissionDeny), acl("*x", authz.PatternLiteral, authz.PermissionAllow)}, Authorize: ask("*x")}, "A", "D"},
		{"a name that begins with a character before the star, and a rule that shares two characters with it: an exception",
			world{ACLs: []authz.ACL{acl("!ac", authz.PatternLiteral, authz.PermissionAllow)}, Authorize: ask("!ab")}, "E", "D"},
	}
	var worlds []world
	for _, test := range tests {
		worlds = append(worlds, test.world)
	}
	for i, answers := range askKafka(t, worlds) {
		test, kafka, ours := tests[i], answers.Authorize, worlds[i].answer().Authorize
		if kafka != test.kafka || ours != test.ours {
			t.Errorf("%s: Kafka answers %s and this %s; want %s and %s", test.why, kafka, ours, test.kafka, test.ours)
		}
	}
}

// oddity is a rule of authorizeByResourceType that is easily missed.
type oddity struct {
	why     string
	world   world
	allowed bool
}

func oddities() []oddity {
	acl := func(permission authz.Permission, o authz.Operation, pattern authz.PatternType, name string) authz.ACL {
		return authz.ACL{ResourceType: authz.ResourceGroup, ResourceName: name, PatternType: pattern, Principal: "User:a", Host: "*", Operation: o, Permission: permission}
	}
	const allow, deny, literal, prefixed = authz.PermissionAllow, authz.PermissionDeny, authz.PatternLiteral, authz.PatternPrefixed
	const read, describe = authz.OperationRead, authz.OperationDescribe
	of := func(why string, allowed bool, o authz.Operation, acls ...authz.ACL) oddity {
		return oddity{why, world{ACLs: acls, ByResourceType: []question{{"User:a", hosts[0], o, authz.ResourceGroup, "ignored"}}}, allowed}
	}
	return []oddity{
		of("an implied operation holds for the name hardcode", true, describe, acl(allow, read, prefixed, "hard")),
		of("an implied operation on another name does not count", false, describe, acl(allow, read, prefixed, "x")),
		of("an implied operation on everything does not count where hardcode is denied", false, describe, acl(allow, read, literal, "*"), acl(deny, describe, prefixed, "h")),
		of("a named operation on everything does", true, read, acl(allow, read, literal, "*"), acl(deny, read, prefixed, "h")),
		of("a denial of everything wins over a name", false, read, acl(deny, read, literal, "*"), acl(allow, read, literal, "x")),
		of("a denied literal leaves the prefix", true, read, acl(allow, read, prefixed, "x"), acl(deny, read, literal, "x")),
		of("a denied prefix takes the literal", false, read, acl(allow, read, literal, "xy"), acl(deny, read, prefixed, "x")),
		of("a longer denied prefix does not", true, read, acl(allow, read, prefixed, "x"), acl(deny, read, prefixed, "xy")),
	}
}

func TestByResourceType(t *testing.T) {
	for _, o := range oddities() {
		if got := o.world.answer().ByResourceType; got != string(letter(o.allowed)) {
			t.Errorf("%s: %s", o.why, got)
		}
	}
}
