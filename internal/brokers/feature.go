package brokers

import "github.com/orrery-kafka/orrery"

// Feature is one of Kafka's versioned features (KIP-584), such as metadata.version, which decides what the brokers write
// to the controllers' log, and so whether an older version can read it.
type Feature struct {
	Name string
	// Finalized is the level in use; 0: it is off.
	Finalized int16
	// Min and Max are the levels that every broker that is alive supports.
	Min, Max int16
}

// CheckFeatures returns which of levels are still to be finalised, or an Invalid error: for a feature that there is not, a
// level that not every broker supports, or one below what is finalised, for that could lose what was written.
func CheckFeatures(features []Feature, levels map[string]int16) (due map[string]int16, err error) {
	known := map[string]Feature{}
	for _, f := range features {
		known[f.Name] = f
	}
	due = map[string]int16{}
	for name, level := range levels {
		f, ok := known[name]
		switch {
		case !ok:
			return nil, orrery.Errorf(orrery.Invalid, "there is no feature %s", name)
		case level == f.Finalized:
		case level < f.Finalized:
			return nil, orrery.Errorf(orrery.Invalid, "%s is finalised at %d and cannot go back to %d", name, f.Finalized, level)
		case level > f.Max || level < f.Min:
			return nil, orrery.Errorf(orrery.Invalid, "%s cannot be finalised at %d: the brokers support %d to %d", name, level, f.Min, f.Max)
		default:
			due[name] = level
		}
	}
	return due, nil
}
