package profile_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

func partial(kind string, cku int) orrery.PSCSpec {
	return orrery.PSCSpec{Kind: orrery.KindKafka, Type: kind, Cloud: "AWS", Region: "us-east-1", CKU: cku}
}

// TestGolden: what kafka-1 makes of each partial spec must never change; another outcome is another version.
func TestGolden(t *testing.T) {
	chosen := partial(orrery.TypeDedicated, 1)
	chosen.Brokers, chosen.Version, chosen.StorageBytes = 6, "4.2.1", 1<<30
	chosen.Configuration = map[string]string{"min.insync.replicas": "1"}
	for name, test := range map[string]struct {
		spec   orrery.PSCSpec
		engine string
	}{
		"multi-tenant-embedded": {partial(orrery.TypeMultiTenant, 0), orrery.EngineEmbedded},
		"multi-tenant-apache":   {partial(orrery.TypeMultiTenant, 0), orrery.EngineApache},
		"dedicated-1-embedded":  {partial(orrery.TypeDedicated, 1), orrery.EngineEmbedded},
		"dedicated-5-apache":    {partial(orrery.TypeDedicated, 5), orrery.EngineApache},
		"chosen-by-the-request": {chosen, orrery.EngineApache},
	} {
		t.Run(name, func(t *testing.T) {
			spec, provenance, err := profile.Complete(test.spec, "kafka-1", profile.Facts{Engine: test.engine})
			if err != nil {
				t.Fatal(err)
			}
			if findings := profile.Check(spec); len(findings) > 0 {
				t.Errorf("the check finds fault with what the profile made: %v", findings)
			}
			again, _, err := profile.Complete(spec, "kafka-1", profile.Facts{Engine: test.engine})
			if err != nil || !reflect.DeepEqual(spec, again) {
				t.Errorf("completing a complete spec changes it: %+v, %+v, %v", spec, again, err)
			}
			encoded, err := json.MarshalIndent(spec, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s\n\n", encoded)
			for _, pointer := range slices.Sorted(maps.Keys(provenance)) {
				fmt.Fprintf(&b, "%s\t%s\n", pointer, provenance[pointer])
			}
			file := filepath.Join("testdata", name+".txt")
			if *rewrite {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
			everyFieldHasARule(t, encoded, provenance)
		})
	}
}

func everyFieldHasARule(t *testing.T, encoded []byte, provenance map[string]string) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		t.Fatal(err)
	}
	for field := range fields {
		if field == "configuration" {
			continue
		}
		if provenance["/"+field] == "" {
			t.Errorf("nothing says what set /%s", field)
		}
	}
}

// TestCompleteLeavesItsInput: a shared map would let one physical cluster's spec change another's.
func TestCompleteLeavesItsInput(t *testing.T) {
	in := partial(orrery.TypeMultiTenant, 0)
	in.Configuration = map[string]string{"message.max.bytes": "1"}
	spec, _, err := profile.Complete(in, profile.Newest, profile.Facts{Engine: orrery.EngineApache})
	if err != nil || len(in.Configuration) != 1 || spec.Configuration["message.max.bytes"] != "1" {
		t.Fatalf("%+v, %+v, %v", in, spec, err)
	}
}

func TestCompleteRefuses(t *testing.T) {
	topic := partial(orrery.TypeMultiTenant, 0)
	topic.Kind = "connect"
	for _, test := range []struct {
		spec    orrery.PSCSpec
		version string
	}{
		{partial(orrery.TypeMultiTenant, 0), "kafka-0"},
		{partial(orrery.TypeBasic, 0), "kafka-1"},
		{partial(orrery.TypeDedicated, 0), "kafka-1"},
		{partial(orrery.TypeDedicated, 153), "kafka-1"},
		{topic, "kafka-1"},
	} {
		_, _, err := profile.Complete(test.spec, test.version, profile.Facts{Engine: orrery.EngineApache})
		if orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%+v by %s: %v", test.spec, test.version, err)
		}
	}
}

// TestCheck: one fault at a time is found at its field.
func TestCheck(t *testing.T) {
	for pointer, harm := range map[string]func(*orrery.PSCSpec){
		"/kind":                      func(s *orrery.PSCSpec) { s.Kind = "connect" },
		"/type":                      func(s *orrery.PSCSpec) { s.Type = orrery.TypeBasic },
		"/cloud":                     func(s *orrery.PSCSpec) { s.Cloud = "" },
		"/region":                    func(s *orrery.PSCSpec) { s.Region = "" },
		"/profile":                   func(s *orrery.PSCSpec) { s.Profile = "kafka-0" },
		"/engine":                    func(s *orrery.PSCSpec) { s.Engine = "pulsar" },
		"/version":                   func(s *orrery.PSCSpec) { s.Version = "" },
		"/brokers":                   func(s *orrery.PSCSpec) { s.Brokers, s.CKU = 2, 2; s.Configuration = nil },
		"/cku":                       func(s *orrery.PSCSpec) { s.CKU = 6 },
		"/storage_bytes":             func(s *orrery.PSCSpec) { s.StorageBytes = 0 },
		"/capacity":                  func(s *orrery.PSCSpec) { s.Capacity.Connections = 0 },
		"/capacity/logical_clusters": func(s *orrery.PSCSpec) { s.Capacity.LogicalClusters = 2 },
		"/configuration/listeners":   func(s *orrery.PSCSpec) { s.Configuration["listeners"] = "PLAINTEXT://:9092" },
		"/configuration/default.replication.factor": func(s *orrery.PSCSpec) { s.Configuration["default.replication.factor"] = "9" },
		"/configuration/min.insync.replicas":        func(s *orrery.PSCSpec) { s.Configuration["min.insync.replicas"] = "3" },
		"/configuration/long":                       func(s *orrery.PSCSpec) { s.Configuration["long"] = strings.Repeat("x", 5000) },
		"/configuration": func(s *orrery.PSCSpec) {
			for i := range 300 {
				s.Configuration[fmt.Sprint(i)] = ""
			}
		},
	} {
		spec, _, err := profile.Complete(partial(orrery.TypeDedicated, 5), profile.Newest, profile.Facts{Engine: orrery.EngineApache})
		if err != nil {
			t.Fatal(err)
		}
		harm(&spec)
		findings := profile.Check(spec)
		first, wrong := profile.FirstError(findings)
		if !wrong || first.Pointer != pointer || len(findings) != 1 || first.Message == "" {
			t.Errorf("%s: %v", pointer, findings)
		}
	}
	control := orrery.PSCSpec{Kind: orrery.KindKafka, Type: orrery.TypeDedicated, Cloud: "c", Region: "r", CKU: 1, Profile: profile.Newest,
		Engine: orrery.EngineEmbedded, Version: "v", Brokers: 1, StorageBytes: 1, Capacity: orrery.Capacity{LogicalClusters: 1, Partitions: 1, Connections: 1,
			IngressBytesPerSecond: 1, EgressBytesPerSecond: 1, StorageBytes: 1}}
	if _, wrong := profile.FirstError(profile.Check(control)); wrong || len(profile.Check(control)) != 1 {
		t.Errorf("one broker without tenants is a warning: %v", profile.Check(control))
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		clusterType string
		units, want int
	}{
		{orrery.TypeBasic, 0, 1500}, {orrery.TypeBasic, 1, 30}, {orrery.TypeBasic, 50, 1500}, {orrery.TypeStandard, 0, 2500},
		{orrery.TypeDedicated, 2, 9000}, {orrery.TypeDedicated, 152, 100_000},
	} {
		limits, err := profile.LimitsOf(profile.Newest, test.clusterType)
		if err != nil || limits.MaxPartitions(test.units) != test.want {
			t.Errorf("%s with %d units: %d, %v; want %d", test.clusterType, test.units, limits.MaxPartitions(test.units), err, test.want)
		}
	}
	for _, test := range []struct {
		clusterType                               string
		units                                     int
		in, out, requests, connections, requestMS int64
	}{
		{orrery.TypeBasic, 0, 100e6, 100e6, 15_000, 1_000, 2_000}, // the multi-tenant default
		{orrery.TypeBasic, 1, 5e6, 15e6, 100, 20, 2_000},
		{orrery.TypeBasic, 50, 250e6, 750e6, 5_000, 1_000, 2_000},
		{orrery.TypeStandard, 2, 50e6, 150e6, 3_000, 2_000, 4_000},
		{orrery.TypeStandard, 99, 250e6, 750e6, 15_000, 10_000, 4_000},
		{orrery.TypeDedicated, 2, 120e6, 360e6, 30_000, 36_000, 8_000},
	} {
		limits, err := profile.LimitsOf(profile.Newest, test.clusterType)
		q := limits.Quotas(test.units)
		if err != nil || q.IngressBytesPerSecond != test.in || q.EgressBytesPerSecond != test.out || q.RequestsPerSecond != test.requests ||
			q.Connections != test.connections || q.RequestMillisecondsPerSecond != test.requestMS || q.Partitions != int64(limits.MaxPartitions(test.units)) {
			t.Errorf("%s with %d units: %+v, %v", test.clusterType, test.units, q, err)
		}
	}
	for _, test := range []struct {
		clusterType string
		units       int
		quota, says string
	}{
		{orrery.TypeBasic, 0, "egress_bytes_per_second", "the burst of a cluster that names no units"},
		{orrery.TypeBasic, 0, "connections", "the most that a cluster of the type has"},
		{orrery.TypeBasic, 2, "partitions", "2 × 30, what one unit gives"},
		{orrery.TypeBasic, 50, "connection_attempts_per_second", "the most that a cluster of the type has"}, // 50 × 5 would be more
		{orrery.TypeStandard, 99, "ingress_bytes_per_second", "10 × 25000000, what one unit gives"},
		{orrery.TypeDedicated, 2, "request_milliseconds_per_second", "2 × 4000, what one unit gives"},
		{orrery.TypeDedicated, 2, "message_bytes", "what every cluster of the type has"},
	} {
		limits, err := profile.LimitsOf(profile.Newest, test.clusterType)
		sources := limits.QuotaSources(test.units)
		if err != nil || sources[test.quota] != test.says || len(sources) != len((orrery.Quotas{}).List()) {
			t.Errorf("%s of %s with %d units: %q, %v", test.quota, test.clusterType, test.units, sources[test.quota], err)
		}
	}
	if _, err := profile.LimitsOf(profile.Newest, "Freight"); orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("Freight: %v", err)
	}
}

// The page about limits says what the profile does.
func TestLimitsDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	quotas := map[string][]orrery.Quota{}
	for clusterType, units := range map[string]int{orrery.TypeBasic: 0, orrery.TypeStandard: 0, orrery.TypeDedicated: 1} {
		limits, err := profile.LimitsOf(profile.Newest, clusterType)
		if err != nil {
			t.Fatal(err)
		}
		quotas[clusterType] = limits.Quotas(units).List()
	}
	for i, q := range quotas[orrery.TypeBasic] {
		row := fmt.Sprintf("| `%s` | %s | %s | %s | %s", q.Name, q.Unit, grouped(q.Value), grouped(quotas[orrery.TypeStandard][i].Value), grouped(quotas[orrery.TypeDedicated][i].Value))
		if !strings.Contains(string(page), row+" ") {
			t.Errorf("docs/reference/limits.md has no row that begins with\n%s", row)
		}
	}
}

// grouped writes 1000000 as 1,000,000.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
