package mem

import (
	"context"
	"maps"
	"slices"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

// SetStatic sets what all brokers were started with.
func (b *Brokers) SetStatic(configuration map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.static = maps.Clone(configuration)
}

// SetFeature adds a feature, or sets what is finalised and supported of one.
func (b *Brokers) SetFeature(feature brokers.Feature) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.features = slices.DeleteFunc(b.features, func(f brokers.Feature) bool { return f.Name == feature.Name })
	b.features = append(b.features, feature)
	slices.SortFunc(b.features, func(a, b brokers.Feature) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// running returns why a broker cannot be asked.
func (b *Brokers) running(id int32) error {
	if n := b.nodes[id]; id != brokers.ClusterWide && (n == nil || !n.alive || !n.registered) {
		return orrery.Errorf(orrery.Unavailable, "cluster %s: broker %d does not answer", b.id, id)
	}
	return nil
}

// Configuration returns what SetStatic and AlterConfiguration set.
func (s *session) Configuration(ctx context.Context, id int32) ([]brokers.Setting, error) {
	err := s.begin(ctx, "reading the configuration")
	defer s.b.mu.Unlock()
	if err == nil {
		err = s.b.running(id)
	}
	if err != nil {
		return nil, err
	}
	settings := map[string]brokers.Setting{}
	take := func(from map[string]string, source brokers.Source) {
		for name, value := range from {
			settings[name] = brokers.Setting{Name: name, Value: value, Source: source, ReadOnly: brokers.Dynamic(name) == brokers.ReadOnly}
		}
	}
	if id != brokers.ClusterWide {
		take(s.b.static, brokers.SourceStatic)
	}
	take(s.b.settings[brokers.ClusterWide], brokers.SourceClusterWide)
	if id != brokers.ClusterWide {
		take(s.b.settings[id], brokers.SourceBroker)
	}
	var all []brokers.Setting
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, settings[name])
	}
	return all, nil
}

// AlterConfiguration changes settings at once.
func (s *session) AlterConfiguration(ctx context.Context, id int32, changes map[string]*string) error {
	if err := brokers.CheckConfiguration(id, changes); err != nil {
		return err
	}
	err := s.command(ctx, "changing the configuration")
	defer s.b.mu.Unlock()
	if err == nil {
		err = s.b.running(id)
	}
	if err != nil {
		return err
	}
	settings := maps.Clone(s.b.settings[id])
	if settings == nil {
		settings = map[string]string{}
	}
	for name, value := range changes {
		if value == nil {
			delete(settings, name)
		} else {
			settings[name] = *value
		}
	}
	s.b.settings[id] = settings
	return nil
}

// Features returns what SetFeature and FinalizeFeatures set.
func (s *session) Features(ctx context.Context) ([]brokers.Feature, error) {
	err := s.begin(ctx, "reading the features")
	defer s.b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.b.features), nil
}

// FinalizeFeatures raises features.
func (s *session) FinalizeFeatures(ctx context.Context, levels map[string]int16) error {
	err := s.command(ctx, "finalising features")
	defer s.b.mu.Unlock()
	if err != nil {
		return err
	}
	due, err := brokers.CheckFeatures(s.b.features, levels)
	if err != nil {
		return err
	}
	for i := range s.b.features {
		if level, ok := due[s.b.features[i].Name]; ok {
			s.b.features[i].Finalized = level
		}
	}
	return nil
}
