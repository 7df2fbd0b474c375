package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

func TestShow(t *testing.T) {
	environment := wire.Environment{APIVersion: wire.OrgV2, Kind: wire.KindEnvironment, ID: "env-1", DisplayName: "a <b> & c\n\x1b[31m",
		Metadata: wire.Metadata{Self: "http://x", CreatedAt: time.Unix(0, 0)}}
	for format, want := range map[string][]string{
		outputHuman: {"ID:", "env-1", "a <b> & c  [31m", "1970-01-01T00:00:00Z"},
		outputJSON:  {`"api_version": "org/v2"`, `"display_name": "a <b> & c\n\u001b[31m"`},
		outputYAML:  {"api_version: org/v2\n", "id: env-1\n"},
	} {
		var stdout bytes.Buffer
		p := newProgram(nil, nil, &stdout, nil)
		p.global.output = format
		if err := p.showEnvironment(environment); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(stdout.String(), part) {
				t.Errorf("%s: %q is not in\n%s", format, part, stdout.String())
			}
		}
		if format == outputHuman && strings.Contains(stdout.String(), "\x1b") {
			t.Errorf("a name reaches the terminal as it is: %q", stdout.String())
		}
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	table(&b, []string{"ID", "NAME"}, [][]string{{"env-1", ""}, {"e", "tab\there"}})
	if got, want := b.String(), "ID      NAME\nenv-1   -\ne       tab here\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestProgress(t *testing.T) {
	for _, test := range []struct {
		name        string
		live, quiet bool
		want        string
	}{
		{"lines", false, false, "a\nb c\n"},
		{"terminal", true, false, "\r\x1b[Ka\r\x1b[Ka\r\x1b[Kb; c\r\x1b[K"},
		{"quiet", true, true, ""},
	} {
		var b bytes.Buffer
		s := &progress{w: &b, live: test.live, quiet: test.quiet}
		s.say("a")
		s.say("a")
		if test.live {
			s.say("b\nc")
		} else {
			s.say("b %s", "c")
		}
		s.end()
		s.end()
		if b.String() != test.want {
			t.Errorf("%s: %q, want %q", test.name, b.String(), test.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		name, typed    string
		force, askable bool
		message        string
	}{
		{"forced", "", true, false, ""},
		{"nobody to ask", "y\n", false, false, "there is no terminal"},
		{"yes", "Yes\n", false, true, ""},
		{"no", "n\n", false, true, "nothing was deleted"},
		{"the end of input", "", false, true, "nothing was deleted"},
	} {
		p := newProgram(nil, strings.NewReader(test.typed), nil, &bytes.Buffer{})
		p.askable = test.askable
		err := p.confirm(test.force, "everything")
		if (err == nil) != (test.message == "") || err != nil && !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestPick(t *testing.T) {
	clusters := []wire.Cluster{{ID: "lkc-1"}, {ID: "lkc-2"}, {ID: "lkc-3"}}
	for i, name := range []string{"demo", "twin", "twin"} {
		clusters[i].Spec.DisplayName = name
	}
	for reference, want := range map[string]string{"demo": "lkc-1", "lkc-2": "lkc-2"} {
		if c, err := pick(clusters, "Kafka cluster", reference, clusterName); err != nil || c.ID != want {
			t.Errorf("%s: %v, %v", reference, c.ID, err)
		}
	}
	var f *failure
	_, err := pick(clusters, "Kafka cluster", "other", clusterName)
	if !errors.As(err, &f) || f.message != `there is no Kafka cluster "other"` || !strings.Contains(f.hint, "lkc-1  demo") {
		t.Errorf("unknown: %v", err)
	}
	if _, err := pick(clusters, "Kafka cluster", "twin", clusterName); !errors.As(err, &f) || !f.usage || !strings.Contains(f.message, "use an id") {
		t.Errorf("ambiguous: %v", err)
	}
}

func TestExplainServer(t *testing.T) {
	p := newProgram(nil, nil, nil, nil)
	p.global.url = "http://127.0.0.1:8080"
	answer := func(code orrery.Code, retry time.Duration) error {
		return fmt.Errorf("listing: %w", &orrery.Error{Code: code, Message: "no.", Pointer: "/spec/cku", Err: &client.Failure{Status: 400, RequestID: "req-1", RetryAfter: retry}})
	}
	for _, test := range []struct {
		err           error
		message, hint string
	}{
		{answer(orrery.Invalid, 0), "no. (/spec/cku)", ""},
		{answer(orrery.Unauthenticated, 0), "http://127.0.0.1:8080 refuses the API key: no.", "ORRERY_API_KEY"},
		{answer(orrery.Forbidden, 0), "no. (/spec/cku)", "role-binding list"},
		{answer(orrery.Unavailable, 3*time.Second), "no. (/spec/cku)", "try again in 3s"},
		{answer(orrery.Internal, 0), "no. (/spec/cku)", "req-1"},
	} {
		f := p.explain(test.err)
		if f.message != test.message || !strings.Contains(f.hint, test.hint) || f.usage {
			t.Errorf("%v is explained as %q, %q", test.err, f.message, f.hint)
		}
	}
}

func TestReportIsOneLine(t *testing.T) {
	var stderr bytes.Buffer
	p := newProgram(nil, nil, nil, &stderr)
	p.report(failed("first\nsecond", "a\nb"))
	if got, want := stderr.String(), "error: a; b\nhint:  first\n       second\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	stderr.Reset()
	p.global.output = outputJSON
	p.report(usageError("", "a\nb <c>"))
	var document struct {
		Error struct{ Code, Message, Hint string }
	}
	if err := json.Unmarshal(stderr.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if document.Error.Code != codeUsage || document.Error.Message != "a\nb <c>" {
		t.Errorf("got %s", stderr.String())
	}
}

func TestWritePSC(t *testing.T) {
	since := time.Unix(1700000000, 0)
	c := wire.PhysicalCluster{
		ID: "pkc-abc123", Satellite: wire.Reference{ID: "sat-1"}, Generation: orrery.Generation{Term: 1, Number: 3},
		Spec:       orrery.PSCSpec{Kind: orrery.KindKafka, Brokers: 3, StorageBytes: 107374182400, Configuration: map[string]string{"min.insync.replicas": "2"}},
		Provenance: map[string]string{"/brokers": "kafka-1: max(3, CKU)", "/configuration": "kafka-1: durability"},
		Status: wire.PhysicalClusterStatus{
			Ready: orrery.False, ObservedGeneration: orrery.Generation{Term: 1, Number: 2},
			Conditions: []orrery.Condition{
				{Type: orrery.ConditionReady, Status: orrery.False, Reason: "BrokerStopped", Message: "broker 2 is stopped", Since: since},
				{Type: orrery.ConditionGatewaysServing, Status: orrery.True, Reason: "Serving", Since: since},
			},
			Endpoints: orrery.Endpoints{Bootstrap: "127.0.0.1:19092", Brokers: []orrery.BrokerEndpoint{{Node: 2, Host: "127.0.0.1", Port: 19095}}},
			Brokers:   []orrery.BrokerStatus{{Node: 2, State: "stopped", Message: "by the fault switch"}},
		},
	}
	var b bytes.Buffer
	writePSC(&b, c)
	golden(t, "testdata/psc.golden", b.String())
}
