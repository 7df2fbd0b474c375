package operator

import (
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// needRestart returns the names, sorted, of what a broker has to be restarted for: what it was started with and is not
// to have any more, and what has another value and cannot be changed while it runs.
func needRestart(has, wants map[string]string) (names []string) {
	for name := range has {
		if _, wanted := wants[name]; !wanted {
			names = append(names, name)
		}
	}
	for name, value := range wants {
		if old, given := has[name]; (!given || old != value) && !changeable(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// changeable reports whether something can be changed on all brokers at once while they run.
func changeable(name string) bool { return brokers.Dynamic(name) == brokers.WholeCluster }

// alter changes what needs no restart, and reports whether all of that is as it should be, or is not of this engine.
//
// What is changed so stays in Kafka and is stronger than what a broker was started with. So it is taken back once it is
// not wanted any more, and else left alone: what somebody has set by hand and the specification never named.
func (l *look) alter() (done bool) {
	if !l.versioned() || !l.everStarted() {
		return true
	}
	if l.view.Settings == nil {
		if l.mayDiffer() {
			l.wait(Wait{What: waitConfigure, Node: -1, Owner: "Kafka", Patience: askingPatience}, "the configuration is to be changed and waits: %s", l.unknown())
			return false
		}
		return true
	}
	changes := l.changes()
	if len(changes) == 0 {
		return true
	}
	names := slices.Sorted(maps.Keys(changes))
	l.do(Action{
		Action:  substrate.Action{Verb: AlterConfiguration, Node: brokers.ClusterWide, Reason: "the configuration has changed: " + strings.Join(names, ", ")},
		Changes: changes,
	})
	return false
}

// changes are what Kafka's settings for all brokers lack, and have too much.
func (l *look) changes() map[string]*string {
	changes := map[string]*string{}
	for name, value := range l.target.Configuration {
		set, is := l.view.Settings[name]
		if changeable(name) && (is && set != value || !is && l.startedOtherwise(name, value)) {
			changes[name] = &value
		}
	}
	for name := range l.view.Settings {
		if _, wanted := l.target.Configuration[name]; !wanted && changeable(name) && l.ours(name) {
			changes[name] = nil
		}
	}
	return changes
}

// startedOtherwise reports whether a broker was started without a value.
func (l *look) startedOtherwise(name, value string) bool {
	return slices.ContainsFunc(l.observed.Brokers, func(b substrate.Broker) bool {
		old, given := b.Configuration[name]
		return b.Version != "" && (!given || old != value)
	})
}

// ours reports whether the specification had something that it does not have any more.
func (l *look) ours(name string) bool {
	if _, stored := l.observed.Spec.Configuration[name]; stored {
		return true
	}
	return slices.ContainsFunc(l.observed.Brokers, func(b substrate.Broker) bool {
		_, given := b.Configuration[name]
		return given
	})
}

// everStarted reports whether a broker was ever started: before, there is nothing to change.
func (l *look) everStarted() bool {
	return slices.ContainsFunc(l.observed.Brokers, func(b substrate.Broker) bool { return b.Version != "" })
}

// mayDiffer reports whether Kafka has to be asked for its settings.
func (l *look) mayDiffer() bool {
	return !maps.Equal(l.observed.Spec.Configuration, l.target.Configuration) ||
		slices.ContainsFunc(l.observed.Brokers, func(b substrate.Broker) bool {
			return b.Version != "" && !maps.Equal(b.Configuration, l.target.Configuration)
		})
}

// settings are those for all brokers, by name.
func settings(list []brokers.Setting) map[string]string {
	all := map[string]string{}
	for _, s := range list {
		all[s.Name] = s.Value
	}
	return all
}
