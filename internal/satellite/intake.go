package satellite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// takeIn receives messages and notes them. more is true where there may be others waiting.
func (s *Satellite) takeIn(ctx context.Context, receiver link.Receiver) (more bool, err error) {
	if len(s.unread) == 0 {
		if len(s.items) >= itemLimit {
			return false, fmt.Errorf("satellite: %d tenants, credentials and bindings are known, which is the limit; more stay on the link", len(s.items))
		}
		if s.unread, err = receiver.Receive(ctx, receiveLimit); err != nil {
			return false, fmt.Errorf("satellite: receiving: %w", err)
		}
	}
	received := len(s.unread)
	for len(s.unread) > 0 {
		if err := s.take(s.unread[0]); err != nil {
			return false, err // the ledger cannot be written; the message stays first
		}
		s.unread = s.unread[1:]
	}
	return received >= receiveLimit, nil
}

// take notes one message. What cannot be taken is refused in its status; an error means that it must be taken
// again.
func (s *Satellite) take(m link.Message) error {
	switch m.Kind {
	case orrery.DesiredPSC:
		return s.takePSC(m)
	case orrery.DesiredTenant, orrery.DesiredCredential, orrery.DesiredBinding, orrery.DesiredSaltKey:
		s.takeItem(m)
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

// locate reads an item's place from its key and content, and says what is wrong with them.
func locate(m link.Message) (at place, problem string) {
	switch m.Kind {
	case orrery.DesiredTenant:
		var t tenancy.Tenant
		if err := json.Unmarshal(m.Content, &t); err != nil {
			return place{}, "its content is not a tenant: " + err.Error()
		}
		if t.LogicalClusterID != m.ID || !orrery.HasPrefix(m.ID, orrery.PrefixLogicalKafka) {
			return place{}, fmt.Sprintf("it is about %q, and its content about %q", m.ID, t.LogicalClusterID)
		}
		at = place{t.PhysicalClusterID, tenancy.StateKey(tenancy.StateTenant, m.ID)}
	case orrery.DesiredCredential:
		var c tenancy.Credential
		if err := json.Unmarshal(m.Content, &c); err != nil {
			return place{}, "its content is not a credential"
		}
		at = place{c.PhysicalClusterID, tenancy.StateKey(tenancy.StateCredential, c.APIKeyID)}
		if m.ID != c.PhysicalClusterID+"/"+c.APIKeyID || c.APIKeyID == "" {
			return place{}, fmt.Sprintf("it is about %q, and its content about key %q on %q", m.ID, c.APIKeyID, c.PhysicalClusterID)
		}
	case orrery.DesiredBinding:
		var b tenancy.Binding
		if err := json.Unmarshal(m.Content, &b); err != nil {
			return place{}, "its content is not a role binding: " + err.Error()
		}
		at = place{b.PhysicalClusterID, tenancy.StateKey(tenancy.StateBinding, b.RoleBindingID)}
		if m.ID != b.PhysicalClusterID+"/"+b.RoleBindingID || b.RoleBindingID == "" {
			return place{}, fmt.Sprintf("it is about %q, and its content about %q on %q", m.ID, b.RoleBindingID, b.PhysicalClusterID)
		}
	case orrery.DesiredSaltKey:
		var k tenancy.SaltKey
		if err := json.Unmarshal(m.Content, &k); err != nil || len(k.Key) != tenancy.SaltKeyBytes {
			return place{}, "its content is not a salt key"
		}
		at = place{k.PhysicalClusterID, tenancy.StateKey(tenancy.StateSaltKey, k.PhysicalClusterID)}
		if m.ID != k.PhysicalClusterID {
			return place{}, fmt.Sprintf("it is about %q, and its content about %q", m.ID, k.PhysicalClusterID)
		}
	}
	if !validPSC.MatchString(at.physicalClusterID) {
		return place{}, fmt.Sprintf("%q is not the id of a physical Kafka cluster", at.physicalClusterID)
	}
	return at, ""
}

// locateKey reads the place of a tombstone, which has no content, from its key; a tenant's key does not have it.
func locateKey(m link.Message) (place, bool) {
	physicalClusterID, id, ok := strings.Cut(m.ID, "/")
	switch {
	case m.Kind == orrery.DesiredCredential && ok:
		return place{physicalClusterID, tenancy.StateKey(tenancy.StateCredential, id)}, true
	case m.Kind == orrery.DesiredBinding && ok:
		return place{physicalClusterID, tenancy.StateKey(tenancy.StateBinding, id)}, true
	case m.Kind == orrery.DesiredTenant:
		return place{"", tenancy.StateKey(tenancy.StateTenant, m.ID)}, true
	case m.Kind == orrery.DesiredSaltKey:
		return place{m.ID, tenancy.StateKey(tenancy.StateSaltKey, m.ID)}, true
	}
	return place{}, false
}
