package profile

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/orrery-kafka/orrery"
)

// Severity says what a finding means.
type Severity string

// The severities. A spec with an Error is not sent.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that Check noticed about one field.
type Finding struct {
	Severity Severity
	Pointer  string // JSON pointer into the spec
	Message  string
}

// String returns POINTER: MESSAGE.
func (f Finding) String() string { return f.Pointer + ": " + f.Message }

const (
	maxBrokers       = 1000
	maxConfiguration = 200  // entries
	maxValue         = 4096 // bytes of one configuration value
)

// reserved is the configuration that the substrate and the operator own: a profile that sets it would cut them
// off.
var reserved = []string{
	"advertised.listeners", "broker.id", "controller.quorum.bootstrap.servers", "controller.quorum.voters", "log.dir", "log.dirs",
	"listeners", "node.id", "process.roles", "sasl.enabled.mechanisms", "super.users",
}

// check is one rule about a complete spec.
type check func(orrery.PSCSpec) []Finding

// The checks, in the order of their findings. Adding one is adding a line.
var checks = []check{
	checkKind,          // what it is, and where
	checkPins,          // profile, engine, version
	checkBrokers,       // enough of them, and as many as the type says
	checkConfiguration, // bounded, nobody else's, and consistent with the brokers
	checkCapacity,      // says something, and no nonsense
}

// Check lints a complete spec before it is sent. It returns nothing about what Complete made.
func Check(spec orrery.PSCSpec) []Finding {
	var findings []Finding
	for _, c := range checks {
		findings = append(findings, c(spec)...)
	}
	return findings
}

// FirstError returns the first finding of severity Error, and whether there is one.
func FirstError(findings []Finding) (Finding, bool) {
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Severity == Error })
	if i < 0 {
		return Finding{}, false
	}
	return findings[i], true
}

func fail(pointer, format string, args ...any) Finding {
	return Finding{Error, pointer, fmt.Sprintf(format, args...)}
}

func checkKind(s orrery.PSCSpec) (findings []Finding) {
	if s.Kind != orrery.KindKafka {
		findings = append(findings, fail("/kind", "%q is not a kind that satellites know", s.Kind))
	}
	if s.Type != orrery.TypeMultiTenant && s.Type != orrery.TypeDedicated {
		findings = append(findings, fail("/type", "%q is neither %s nor %s", s.Type, orrery.TypeMultiTenant, orrery.TypeDedicated))
	}
	if s.Cloud == "" {
		findings = append(findings, fail("/cloud", "no cloud"))
	}
	if s.Region == "" {
		findings = append(findings, fail("/region", "no region"))
	}
	return findings
}

func checkPins(s orrery.PSCSpec) (findings []Finding) {
	if _, ok := versions[s.Profile]; !ok {
		findings = append(findings, fail("/profile", "there is no profile %q", s.Profile))
	}
	if s.Engine != orrery.EngineEmbedded && s.Engine != orrery.EngineApache {
		findings = append(findings, fail("/engine", "%q is not an engine that satellites know", s.Engine))
	}
	if s.Version == "" {
		findings = append(findings, fail("/version", "no engine version"))
	}
	return findings
}

func checkBrokers(s orrery.PSCSpec) (findings []Finding) {
	switch {
	case s.Brokers < minimumBrokers && s.Gateways:
		findings = append(findings, fail("/brokers", "%d brokers; one that is down would stop writes, so at least %d are needed", s.Brokers, minimumBrokers))
	case s.Brokers < 1 || s.Brokers > maxBrokers:
		findings = append(findings, fail("/brokers", "%d brokers; 1 to %d are possible", s.Brokers, maxBrokers))
	case s.Brokers < minimumBrokers:
		findings = append(findings, Finding{Warning, "/brokers", fmt.Sprintf("%d brokers: nothing survives the loss of a disk", s.Brokers)})
	}
	if s.Type == orrery.TypeDedicated && (s.CKU < 1 || s.Brokers < s.CKU) {
		findings = append(findings, fail("/cku", "%d CKU on %d brokers; a Dedicated cluster has a broker for each CKU", s.CKU, s.Brokers))
	}
	if s.Type == orrery.TypeMultiTenant && s.CKU != 0 {
		findings = append(findings, fail("/cku", "a multi-tenant cluster has no CKU, and this has %d", s.CKU))
	}
	if s.StorageBytes <= 0 {
		findings = append(findings, fail("/storage_bytes", "%d bytes of storage", s.StorageBytes))
	}
	return findings
}

func checkConfiguration(s orrery.PSCSpec) (findings []Finding) {
	if len(s.Configuration) > maxConfiguration {
		return []Finding{fail("/configuration", "%d entries; at most %d are allowed", len(s.Configuration), maxConfiguration)}
	}
	for _, name := range reserved {
		if _, set := s.Configuration[name]; set {
			findings = append(findings, fail("/configuration/"+name, "belongs to the substrate"))
		}
	}
	for _, name := range sortedNames(s.Configuration) {
		if len(s.Configuration[name]) > maxValue {
			findings = append(findings, fail("/configuration/"+name, "has %d bytes; at most %d are allowed", len(s.Configuration[name]), maxValue))
		}
	}
	replicas, given, err := number(s.Configuration, "default.replication.factor")
	if err != nil || given && (replicas < 1 || replicas > s.Brokers) {
		findings = append(findings, fail("/configuration/default.replication.factor", "%q copies on %d brokers", s.Configuration["default.replication.factor"], s.Brokers))
	}
	insync, insyncGiven, err := number(s.Configuration, "min.insync.replicas")
	switch {
	case err != nil || insyncGiven && insync < 1:
		findings = append(findings, fail("/configuration/min.insync.replicas", "%q is not a number of brokers", s.Configuration["min.insync.replicas"]))
	case given && insyncGiven && insync >= replicas && replicas > 1:
		findings = append(findings, fail("/configuration/min.insync.replicas", "%d of %d copies: no broker could be restarted without stopping writes", insync, replicas))
	}
	return findings
}

func checkCapacity(s orrery.PSCSpec) []Finding {
	c := s.Capacity
	if c.LogicalClusters < 1 || c.Partitions < 1 || c.Connections < 1 || c.IngressBytesPerSecond < 1 || c.EgressBytesPerSecond < 1 || c.StorageBytes < 1 {
		return []Finding{fail("/capacity", "a dimension is zero, so that nothing could ever be placed here")}
	}
	if s.Type == orrery.TypeDedicated && c.LogicalClusters != 1 {
		return []Finding{fail("/capacity/logical_clusters", "a Dedicated cluster hosts one logical cluster, not %d", c.LogicalClusters)}
	}
	return nil
}

func sortedNames(configuration map[string]string) []string {
	names := make([]string, 0, len(configuration))
	for name := range configuration {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func number(configuration map[string]string, name string) (n int, given bool, err error) {
	value, given := configuration[name]
	if !given {
		return 0, false, nil
	}
	n, err = strconv.Atoi(value)
	return n, true, err
}
