package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// auditedACL is the resource type of an ACL in the audit log.
const auditedACL = "acl"

// auditACLs writes each ACL that was created or deleted to the audit log: the response to a creation does not name
// them. It reports whether the request is about that at all.
func (s *slot) auditACLs(request kmsg.Request, response kmsg.Response) bool {
	switch response := response.(type) {
	case *kmsg.CreateACLsResponse:
		r, _ := request.(*kmsg.CreateACLsRequest)
		for i := range response.Results {
			if response.Results[i].ErrorCode == 0 && r != nil {
				s.auditACL(aclOfCreation(&r.Creations[i]))
			}
		}
	case *kmsg.DeleteACLsResponse:
		for _, result := range response.Results {
			for i := range result.MatchingACLs {
				if deleted := &result.MatchingACLs[i]; deleted.ErrorCode == 0 {
					s.auditACL(authz.ACL{
						ResourceType: authz.ResourceType(deleted.ResourceType), ResourceName: deleted.ResourceName,
						PatternType: authz.PatternType(deleted.ResourcePatternType), Principal: deleted.Principal, Host: deleted.Host,
						Operation: authz.Operation(deleted.Operation), Permission: authz.Permission(deleted.PermissionType),
					})
				}
			}
		}
	default:
		return false
	}
	return true
}

func (s *slot) auditACL(acl authz.ACL) {
	s.session.auditAllowed(s.entry.key, auditedACL, acl.String(), authz.Alter)
}

func aclOfCreation(c *kmsg.CreateACLsRequestCreation) authz.ACL {
	return authz.ACL{
		ResourceType: authz.ResourceType(c.ResourceType), ResourceName: c.ResourceName, PatternType: authz.PatternType(c.ResourcePatternType),
		Principal: c.Principal, Host: c.Host, Operation: authz.Operation(c.Operation), Permission: authz.Permission(c.PermissionType),
	}
}
