package profile

import (
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// OperatorSays begins the provenance of what a platform engineer has set by hand. It stays until it is taken back,
// whatever the rules would say.
const OperatorSays = "operator: "

// Override is what a platform engineer sets by hand in a PSC; fields that are nil stay. A zero value takes back what was
// set before, and the rule holds again.
type Override struct {
	Version     *string
	Brokers     *int
	Paused      *bool
	BakeSeconds *int64
}

// Again completes a spec once more, by the version of the rules that it pins, after its CKU was changed or something was
// set by hand; why says by whom. What was asked for or set by hand before stays. It returns an Invalid error about what
// cannot be.
func Again(spec orrery.PSCSpec, provenance map[string]string, set Override, why string) (orrery.PSCSpec, map[string]string, error) {
	partial := orrery.PSCSpec{Kind: spec.Kind, Type: spec.Type, Cloud: spec.Cloud, Region: spec.Region, CKU: spec.CKU, Controllers: spec.Controllers}
	kept := map[string]string{}
	stays := func(pointer string) bool {
		source, given := provenance[pointer]
		if !given || source != "request" && !strings.HasPrefix(source, OperatorSays) {
			return false
		}
		kept[pointer] = source
		return true
	}
	if stays("/storage_bytes") {
		partial.StorageBytes = spec.StorageBytes
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Configuration)) {
		if stays("/configuration/" + name) {
			if partial.Configuration == nil {
				partial.Configuration = map[string]string{}
			}
			partial.Configuration[name] = spec.Configuration[name]
		}
	}
	override(&partial.Version, spec.Version, set.Version, "/version", stays("/version"), kept, why)
	override(&partial.Brokers, spec.Brokers, set.Brokers, "/brokers", stays("/brokers"), kept, why)
	override(&partial.Paused, spec.Paused, set.Paused, "/paused", stays("/paused"), kept, why)
	override(&partial.BakeSeconds, spec.BakeSeconds, set.BakeSeconds, "/bake_seconds", stays("/bake_seconds"), kept, why)
	if err := possible(spec, &partial, kept); err != nil {
		return orrery.PSCSpec{}, nil, err
	}
	again, sources, err := Complete(partial, spec.Profile, Facts{Engine: spec.Engine})
	if err != nil {
		return orrery.PSCSpec{}, nil, err
	}
	maps.Copy(sources, kept)
	return again, sources, nil
}

// override keeps a field, or sets it, or leaves it to the rules.
func override[T comparable](field *T, before T, set *T, pointer string, stays bool, kept map[string]string, why string) {
	var none T
	switch {
	case set == nil && stays:
		*field = before
	case set == nil:
	case *set == none:
		delete(kept, pointer)
	default:
		*field, kept[pointer] = *set, OperatorSays+why
	}
}

// possible checks what was set by hand. The embedded engine is one process with one directory: it has the brokers that it
// was made with, whatever the CKU.
func possible(spec orrery.PSCSpec, partial *orrery.PSCSpec, kept map[string]string) error {
	if partial.Version != "" {
		if err := CheckRelease(spec.Engine, partial.Version); err != nil {
			return err
		}
	}
	if partial.Brokers < 0 || partial.BakeSeconds < 0 {
		return orrery.Errorf(orrery.Invalid, "%d brokers and %d seconds are not possible; 0 leaves it to the profile", partial.Brokers, partial.BakeSeconds)
	}
	if spec.Engine != orrery.EngineEmbedded {
		return nil
	}
	if partial.Brokers != 0 && partial.Brokers != spec.Brokers || spec.CKU > spec.Brokers {
		return orrery.Errorf(orrery.Invalid, "a cluster on the embedded engine has the %d brokers that it was made with, and at most as many CKU; "+
			"make a larger one anew, or run it on Apache Kafka", spec.Brokers)
	}
	if partial.Brokers == 0 {
		partial.Brokers, kept["/brokers"] = spec.Brokers, "engine: the embedded engine cannot change it"
	}
	return nil
}
