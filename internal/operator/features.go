package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/profile"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// unreachableVersion says why the brokers cannot come to a version from what they run. One that is newer is only ever
// rolled out; one that is older needs that nothing is finalised that it cannot read.
func unreachableVersion(desired orrery.PSCSpec, observed substrate.Observed, view View) string {
	now := map[string]bool{observed.Spec.Version: true}
	for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
		if b.Version != "" {
			now[b.Version] = true
		}
	}
	if len(now) == 1 && now[desired.Version] {
		return ""
	}
	if desired.Version != observed.Spec.Version {
		if err := profile.CheckRelease(desired.Engine, desired.Version); err != nil {
			return orrery.ErrorMessage(err)
		}
	}
	finalized := map[string]int16{}
	for _, f := range view.Features {
		finalized[f.Name] = f.Finalized
	}
	if why := profile.CheckRollback(desired.Version, finalized); why != "" {
		return fmt.Sprintf("version %s cannot be gone back to: %s", desired.Version, why)
	}
	return ""
}

// unfinalized are the levels of features that a version has, and that are not finalised yet.
func unfinalized(version string, features []brokers.Feature) map[string]int16 {
	levels := map[string]int16{}
	wanted := profile.FeatureLevels(version)
	for _, f := range features {
		if level := wanted[f.Name]; level > f.Finalized {
			levels[f.Name] = level
		}
	}
	return levels
}

// finalizable are those of them that all nodes can do, as they said when they were asked.
func finalizable(version string, features []brokers.Feature) map[string]int16 {
	levels := unfinalized(version, features)
	for _, f := range features {
		if level, wanted := levels[f.Name]; wanted && level > f.Max {
			delete(levels, f.Name)
		}
	}
	return levels
}

// finalize raises features to what the version has, once the cluster has run it for long enough with all well.
func (l *look) finalize() {
	levels := finalizable(l.target.Version, l.view.Features)
	if len(levels) == 0 || !l.runsTarget() || !l.plan.settled() || l.view.Healthy.IsZero() || l.now.Before(l.baked()) {
		return
	}
	l.do(Action{
		Action: substrate.Action{Verb: FinalizeFeatures, Reason: fmt.Sprintf("all has been well with version %s since %s", l.target.Version, l.view.Healthy.UTC().Format(time.RFC3339))},
		Levels: levels,
	})
}

// baked is when the features may be finalised, if all stays well.
func (l *look) baked() time.Time { return l.view.Healthy.Add(profile.Bake(l.target)) }

// runsTarget reports whether every node runs the version that is wanted.
func (l *look) runsTarget() bool {
	return !slices.ContainsFunc(l.nodes, func(b substrate.Broker) bool { return !b.Running || b.Version != l.target.Version })
}

// describeLevels is a set of levels for a log and a condition.
func describeLevels(levels map[string]int16) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		all = append(all, fmt.Sprintf("%s %d", name, levels[name]))
	}
	return strings.Join(all, ", ")
}
