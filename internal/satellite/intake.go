package satellite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// takeIn receives messages and notes them. more is true where there may be others waiting.
//
// What a link brings at first is its whole log, in which the end of something may stand far behind its beginning: a
// key that was deleted, a physical cluster that is gone. So nothing of it counts before all of it is known.
func (s *Satellite) takeIn(ctx context.Context, receiver link.Receiver) (more bool, err error) {
	received := len(s.unread)
	if received == 0 {
		if len(s.items)+len(s.early) >= itemLimit {
			return false, fmt.Errorf("satellite: %d tenants, credentials and bindings are known, which is the limit; more stay on the link", len(s.items)+len(s.early))
		}
		messages, err := receiver.Receive(ctx, receiveLimit)
		if err != nil {
			return false, fmt.Errorf("satellite: receiving: %w", err)
		}
		received = len(messages)
		if !s.caughtUp {
			s.hold(messages)
			if !receiver.CaughtUp() {
				return received >= receiveLimit, nil
			}
			messages, s.early, s.caughtUp = newest(s.early), nil, true
		}
		s.unread = messages
	}
	for len(s.unread) > 0 {
		if err := s.take(s.unread[0]); err != nil {
			return false, err // the ledger cannot be written; the message stays first
		}
		s.unread = s.unread[1:]
	}
	return received >= receiveLimit, nil
}

// hold keeps the newest message of each key until the link was read to its end. One that comes late is older; none
// comes behind its tombstone.
func (s *Satellite) hold(messages []link.Message) {
	for _, m := range messages {
		if held, ok := s.early[m.Key()]; !ok || m.Tombstone || held.Tombstone || m.Generation.Compare(held.Generation) >= 0 {
			s.early[m.Key()] = m
		}
	}
}

// newest returns the messages that were held, in the order of their keys.
func newest(held map[string]link.Message) []link.Message {
	messages := make([]link.Message, 0, len(held))
	for _, key := range slices.Sorted(maps.Keys(held)) {
		messages = append(messages, held[key])
	}
	return messages
}

// take notes one message. What cannot be taken is refused in its status; an error means that it must be taken
// again.
func (s *Satellite) take(m link.Message) error {
	if _, ok := itemKinds[m.Kind]; ok {
		s.takeItem(m)
		return nil
	}
	switch m.Kind {
	case orrery.DesiredPSC:
		return s.takePSC(m)
	case orrery.DesiredCertificates:
		s.takeCertificates(m)
		return nil
	case orrery.ReportSatellite:
		return nil
	}
	if m.Tombstone {
		s.reports.forget(m)
	} else {
		s.refuse(m, fmt.Sprintf("this satellite does not know records of kind %q; it may be older than the mothership", m.Kind))
	}
	return nil
}

// refuse reports that a message about something that is not known here was not taken.
func (s *Satellite) refuse(m link.Message, why string) {
	if m.Tombstone {
		return
	}
	s.config.Logger.Warn("a message was refused", "key", m.Key(), "generation", m.Generation, "reason", why)
	s.reports.changed(link.Message{Kind: m.Kind, ID: m.ID}, orrery.Status{Generation: m.Generation, Reason: why})
}

// place is where an item belongs: the physical cluster and the key in its state topic.
type place struct {
	physicalClusterID string
	stateKey          string
}

// itemKind says of a kind of item how errors name it, the kind of its state record, and which physical cluster and id a
// content names; ok is false where that cannot be read.
type itemKind struct {
	noun, stateKind string
	read            func(m link.Message) (physicalClusterID, id string, ok bool)
}

var itemKinds = map[string]itemKind{
	orrery.DesiredTenant: {"tenant", tenancy.StateTenant, func(m link.Message) (string, string, bool) {
		t, ok := content[tenancy.Tenant](m)
		return t.PhysicalClusterID, t.LogicalClusterID, ok
	}},
	orrery.DesiredCredential: {"key", tenancy.StateCredential, func(m link.Message) (string, string, bool) {
		c, ok := content[tenancy.Credential](m)
		return c.PhysicalClusterID, c.APIKeyID, ok
	}},
	orrery.DesiredBinding: {"role binding", tenancy.StateBinding, func(m link.Message) (string, string, bool) {
		b, ok := content[tenancy.Binding](m)
		return b.PhysicalClusterID, b.RoleBindingID, ok
	}},
	orrery.DesiredIdentityProvider: {"identity provider", tenancy.StateIdentityProvider, func(m link.Message) (string, string, bool) {
		p, ok := content[tenancy.IdentityProvider](m)
		return p.PhysicalClusterID, p.IdentityProviderID, ok
	}},
	orrery.DesiredIdentityPool: {"identity pool", tenancy.StateIdentityPool, func(m link.Message) (string, string, bool) {
		p, ok := content[tenancy.IdentityPool](m)
		return p.PhysicalClusterID, p.IdentityPoolID, ok
	}},
	orrery.DesiredCertificateAuthority: {"certificate authority", tenancy.StateCertificateAuthority, func(m link.Message) (string, string, bool) {
		a, ok := content[tenancy.CertificateAuthority](m)
		return a.PhysicalClusterID, a.CertificateAuthorityID, ok
	}},
	orrery.DesiredSaltKey: {"salt key", tenancy.StateSaltKey, func(m link.Message) (string, string, bool) {
		k, ok := content[tenancy.SaltKey](m)
		return k.PhysicalClusterID, k.PhysicalClusterID, ok && len(k.Key) == tenancy.SaltKeyBytes
	}},
}

// idOnLink is the id of an item in its key on the link.
func idOnLink(kind, physicalClusterID, id string) string {
	if kind == orrery.DesiredTenant || kind == orrery.DesiredSaltKey {
		return id
	}
	return physicalClusterID + "/" + id
}

// locate reads an item's place from its key and content, and says what is wrong with them.
func locate(m link.Message) (at place, problem string) {
	kind, known := itemKinds[m.Kind]
	if !known {
		return place{}, fmt.Sprintf("there are no items of kind %q", m.Kind)
	}
	physicalClusterID, id, ok := kind.read(m)
	switch {
	case !ok:
		return place{}, fmt.Sprintf("its content is not a %s", m.Kind)
	case id == "" || m.ID != idOnLink(m.Kind, physicalClusterID, id) || m.Kind == orrery.DesiredTenant && !orrery.HasPrefix(id, orrery.PrefixLogicalKafka):
		return place{}, fmt.Sprintf("it is about %q, and its content about %s %q on %q", m.ID, kind.noun, id, physicalClusterID)
	case !validPSC.MatchString(physicalClusterID):
		return place{}, fmt.Sprintf("%q is not the id of a physical Kafka cluster", physicalClusterID)
	}
	return place{physicalClusterID, tenancy.StateKey(kind.stateKind, id)}, ""
}

// content reads the content of a message; what is wrong with it is not said, for it may be a secret.
func content[T any](m link.Message) (v T, ok bool) {
	err := json.Unmarshal(m.Content, &v)
	return v, err == nil
}

// locateKey reads the place of a tombstone, which has no content, from its key; a tenant's key does not have it.
func locateKey(m link.Message) (place, bool) {
	switch m.Kind {
	case orrery.DesiredTenant:
		return place{"", tenancy.StateKey(tenancy.StateTenant, m.ID)}, true
	case orrery.DesiredSaltKey:
		return place{m.ID, tenancy.StateKey(tenancy.StateSaltKey, m.ID)}, true
	}
	kind, known := itemKinds[m.Kind]
	physicalClusterID, id, ok := strings.Cut(m.ID, "/")
	return place{physicalClusterID, tenancy.StateKey(kind.stateKind, id)}, known && ok
}
