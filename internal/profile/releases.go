package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
)

// bake is how long an upgraded cluster must have been healthy before what only the new release can read is written:
// a day has seen the load of every hour. A PSC may say something else (BakeSeconds).
const bake = 24 * time.Hour

// Bake returns how long all of an upgraded cluster must have been healthy before its features are finalised. Until then
// the upgrade can be taken back.
func Bake(spec orrery.PSCSpec) time.Duration {
	if spec.BakeSeconds > 0 {
		return time.Duration(spec.BakeSeconds) * time.Second
	}
	return bake
}

// metadataVersion is the feature that decides what the controllers write to their log, and so which release can read it.
const metadataVersion = "metadata.version"

// releases are the releases of Apache Kafka that a physical cluster may run, with the level of each feature that a
// cluster of that release is to have (KIP-584, KIP-1022). A release also reads all levels below. 4.3-IV0, level 30 of
// metadata.version, changed the form of the log: once it is finalised, 4.2 cannot read it.
var releases = map[string]map[string]int16{
	"4.2.1": {metadataVersion: 29, "transaction.version": 2, "group.version": 1, "share.version": 1, "streams.version": 1, "eligible.leader.replicas.version": 1},
	"4.3.1": {metadataVersion: 30, "transaction.version": 2, "group.version": 1, "share.version": 1, "streams.version": 1, "eligible.leader.replicas.version": 1},
}

// FeatureLevels returns the levels of features that a release of Apache Kafka is to have; none for one that is not known.
func FeatureLevels(release string) map[string]int16 { return maps.Clone(releases[release]) }

// CheckRelease returns an Invalid error unless an engine can be of a version.
func CheckRelease(engine, version string) error {
	switch _, known := releases[version]; {
	case engine == orrery.EngineEmbedded && version != EmbeddedVersion:
		return orrery.Errorf(orrery.Invalid, "the embedded engine is of version %s and comes with the program; it has no version %q", EmbeddedVersion, version)
	case engine == orrery.EngineApache && !known:
		return orrery.Errorf(orrery.Invalid, "%q is not a release of Apache Kafka that clusters can run here; there are %s", version, strings.Join(slices.Sorted(maps.Keys(releases)), ", "))
	}
	return nil
}

// CheckRollback returns why a release of Apache Kafka cannot run a cluster with these levels of features finalised, and
// "" where it can.
func CheckRollback(release string, finalized map[string]int16) (why string) {
	for _, name := range slices.Sorted(maps.Keys(finalized)) {
		if level, known := releases[release][name]; known && finalized[name] > level {
			return fmt.Sprintf("%s is finalised at %d, and %s knows it up to %d", name, finalized[name], release, level)
		}
	}
	return ""
}
