package sim

import "context"

// PrepareProbeTopics makes the topics of probes; the simulation's satellites do not probe, for its brokers say how they are.
func (s *session) PrepareProbeTopics(ctx context.Context, nodes []int32) error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.kafka.PrepareProbeTopics(ctx, nodes)
}
