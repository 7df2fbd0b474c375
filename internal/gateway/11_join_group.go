package gateway

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// JoinGroup: v0-9
//
// Behavior:
// * READ on the group, else GROUP_AUTHORIZATION_FAILED.
// * A new group over the tenant's quota of groups is POLICY_VIOLATION.
// * The metadata of each protocol of a "consumer" group is a subscription, and its topic names are translated:
// the broker reads it to know which committed offsets are in use. Where it cannot be read the answer is
// INCONSISTENT_GROUP_PROTOCOL. Metadata of other types is the clients' own.
// * So is a request without a type or a protocol, or with a protocol twice: no client sends one, and the embedded
// engine would end its process over it.
// * The leader's list of members is translated back.
//
// Version notes:
// * v5: static membership (group.instance.id)
// * v7: the response tells the protocol type
func joinGroup(ctx context.Context, s *session, r *kmsg.JoinGroupRequest) (step, error) {
	consumer := r.ProtocolType == tenancy.ConsumerProtocol
	code := s.groupError(authz.Read, r.Group)
	if code == 0 {
		code = admitProtocols(s, r)
	}
	if code == 0 {
		code = s.groupRoomError(ctx, r.Group)
	}
	if code != 0 {
		response := r.ResponseKind().(*kmsg.JoinGroupResponse)
		response.ErrorCode, response.Generation, response.MemberID = code, -1, r.MemberID
		return answered(response), nil
	}
	group, protocolType := r.Group, r.ProtocolType
	r.Group = s.physical(group)
	return forwarded(r, func(response *kmsg.JoinGroupResponse) error {
		s.gateway.hosts.remember(s.physical(group), response.MemberID, s.clientHost)
		if response.ErrorCode != 0 {
			return nil
		}
		s.rememberGroupType(group, protocolType)
		for i := range response.Members {
			if !consumer {
				break
			}
			blob, err := s.prefix.LogicalSubscription(response.Members[i].ProtocolMetadata)
			if err != nil {
				return fmt.Errorf("the subscription of a group member: %w", err)
			}
			response.Members[i].ProtocolMetadata = blob
		}
		return nil
	}), nil
}

// admitProtocols makes the topic names in a member's protocols physical, or returns why they cannot be.
func admitProtocols(s *session, r *kmsg.JoinGroupRequest) int16 {
	if r.ProtocolType == "" || len(r.Protocols) == 0 {
		return kerr.InconsistentGroupProtocol.Code
	}
	seen := map[string]bool{}
	for i := range r.Protocols {
		p := &r.Protocols[i]
		if seen[p.Name] {
			return kerr.InconsistentGroupProtocol.Code
		}
		seen[p.Name] = true
		if r.ProtocolType != tenancy.ConsumerProtocol {
			continue
		}
		blob, err := s.prefix.PhysicalSubscription(p.Metadata)
		if err != nil {
			return kerr.InconsistentGroupProtocol.Code
		}
		p.Metadata = blob
	}
	return 0
}
