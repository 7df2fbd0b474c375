// Package profile holds the Kafka team's rules that turn a partial PSC (kind, type, region, what the user chose)
// into a complete one, and the check of a complete one.
//
// Versions of the rules live side by side, and each PSC pins one: the rules of a version never change, so a new
// default reaches new physical clusters only. Everything here is pure.
package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// Newest is the version that new physical clusters pin unless told otherwise.
const Newest = "kafka-1"

// Facts is what a profile is told about the place where the cluster will run.
type Facts struct {
	// Engine is orrery.EngineEmbedded or orrery.EngineApache: what the satellite runs.
	Engine string
}

// version is one version of the rules.
type version struct {
	rules  []rule
	limits map[string]TypeLimits // by type of logical cluster
}

// rule sets one part of a spec where it is unset. It returns why, or "" where it does not apply.
type rule struct {
	pointer string
	set     func(spec *orrery.PSCSpec) string
}

var versions = map[string]version{
	"kafka-1": {rules: kafka1Rules, limits: kafka1Limits},
}

// Versions returns the names of all versions, sorted.
func Versions() []string { return slices.Sorted(maps.Keys(versions)) }

// Complete returns the complete form of a partial spec by the rules of a version, and for each field, as a JSON
// pointer, what set it. What the partial spec says stays. It returns an Invalid error about an unknown version or
// about a kind, type or size that the version does not serve.
func Complete(partial orrery.PSCSpec, profile string, facts Facts) (orrery.PSCSpec, map[string]string, error) {
	v, ok := versions[profile]
	if !ok {
		return orrery.PSCSpec{}, nil, unknownVersion(profile)
	}
	if err := checkPartial(v, partial); err != nil {
		return orrery.PSCSpec{}, nil, err
	}
	spec := partial
	spec.Configuration = maps.Clone(partial.Configuration)
	provenance := map[string]string{}
	for pointer, set := range map[string]bool{
		"/kind": spec.Kind != "", "/type": spec.Type != "", "/cloud": spec.Cloud != "", "/region": spec.Region != "",
		"/cku": spec.CKU != 0, "/brokers": spec.Brokers != 0, "/version": spec.Version != "",
		"/storage_bytes": spec.StorageBytes != 0, "/capacity": spec.Capacity != (orrery.Capacity{}),
	} {
		if set {
			provenance[pointer] = "request"
		}
	}
	for name := range spec.Configuration {
		provenance["/configuration/"+name] = "request"
	}
	spec.Profile = profile
	provenance["/profile"] = profile + ": pinned at creation"
	spec.Engine = facts.Engine
	provenance["/engine"] = "satellite: the engine that it runs"
	for _, r := range v.rules {
		if why := r.set(&spec); why != "" {
			provenance[r.pointer] = profile + ": " + why
		}
	}
	return spec, provenance, nil
}

func unknownVersion(profile string) error {
	return orrery.Errorf(orrery.Invalid, "there is no profile %q; there are %s", profile, strings.Join(Versions(), ", "))
}

func checkPartial(v version, partial orrery.PSCSpec) error {
	switch {
	case partial.Kind != orrery.KindKafka:
		return orrery.Errorf(orrery.Invalid, "the profile serves kind %q, not %q", orrery.KindKafka, partial.Kind)
	case partial.Type == orrery.TypeMultiTenant:
		return nil
	case partial.Type != orrery.TypeDedicated:
		return orrery.Errorf(orrery.Invalid, "a physical cluster is %s or %s, not %q", orrery.TypeMultiTenant, orrery.TypeDedicated, partial.Type)
	case partial.CKU < 1 || partial.CKU > v.limits[orrery.TypeDedicated].MaxUnits:
		return orrery.Errorf(orrery.Invalid, "a Dedicated cluster has 1 to %d CKU, not %d", v.limits[orrery.TypeDedicated].MaxUnits, partial.CKU)
	}
	return nil
}

// configuration is the rule that sets one broker configuration.
func configuration(name, value, why string, engines ...string) rule {
	return rule{pointer: "/configuration/" + name, set: func(spec *orrery.PSCSpec) string {
		if _, set := spec.Configuration[name]; set || len(engines) > 0 && !slices.Contains(engines, spec.Engine) {
			return ""
		}
		if spec.Configuration == nil {
			spec.Configuration = map[string]string{}
		}
		spec.Configuration[name] = value
		return fmt.Sprintf("%s: %s", value, why)
	}}
}
