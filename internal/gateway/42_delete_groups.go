package gateway

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// DeleteGroups: v0-3
//
// Behavior:
// * DELETE on each group, else GROUP_AUTHORIZATION_FAILED for it.
//
// Version notes:
// * v3: an error message
func deleteGroups(_ context.Context, s *session, r *kmsg.DeleteGroupsRequest) (step, error) {
	var refused []kmsg.DeleteGroupsResponseGroup
	r.Groups, refused = sift(r.Groups, func(group *string) (answer kmsg.DeleteGroupsResponseGroup, _ bool) {
		code := s.groupError(authz.Delete, *group)
		if code == 0 {
			*group = s.physical(*group)
			return answer, false
		}
		answer = kmsg.NewDeleteGroupsResponseGroup()
		answer.Group, answer.ErrorCode = *group, code
		return answer, true
	})
	if len(r.Groups) == 0 && len(refused) > 0 {
		response := r.ResponseKind().(*kmsg.DeleteGroupsResponse)
		response.Groups = refused
		return answered(response), nil
	}
	return forwarded(r, func(response *kmsg.DeleteGroupsResponse) error {
		response.Groups = own(s, response.Groups, func(g *kmsg.DeleteGroupsResponseGroup) *string { return &g.Group })
		for i := range response.Groups {
			response.Groups[i].ErrorMessage = s.errorText(response.Groups[i].ErrorMessage)
		}
		response.Groups = append(refused, response.Groups...)
		return nil
	}), nil
}
