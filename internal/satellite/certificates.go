package satellite

import (
	"fmt"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
)

// takeCertificates puts certificates into force that the mothership has signed for this satellite. What cannot be used is
// refused, and what there was stays in force.
func (s *Satellite) takeCertificates(m link.Message) {
	if m.Tombstone {
		s.reports.forget(m)
		return
	}
	if m.Generation.Compare(s.certified) < 0 {
		return // late
	}
	certificates, ok := content[orrery.SatelliteCertificates](m)
	switch {
	case m.ID != s.config.Satellite.ID || s.config.Install == nil:
		s.refuse(m, "this satellite takes no certificates over the link")
		return
	case !ok || m.Deleted:
		s.refuse(m, "its content is not certificates")
		return
	}
	if err := s.config.Install(certificates); err != nil {
		s.refuse(m, fmt.Sprintf("the certificates cannot be used: %v", err))
		return
	}
	s.certified = m.Generation
	s.reports.again(m)
	s.reports.changed(link.Message{Kind: m.Kind, ID: m.ID}, orrery.Status{Generation: m.Generation, Applied: true})
}
