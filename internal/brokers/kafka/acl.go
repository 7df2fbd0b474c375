package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// binding is one ACL as Kafka keeps it: a principal may do one operation on a resource, from every host.
type binding struct {
	principal string
	resource  kmsg.ACLResourceType
	name      string
	pattern   kmsg.ACLResourcePatternType
	operation kmsg.ACLOperation
}

const everyHost = "*"

// bindings are those that the principals of the substrate need; none where it names none.
func (c *Cluster) bindings() (all []binding) {
	for principal, acls := range map[string][]tenancy.PrincipalACL{c.access.Tenants: tenancy.TenantsACLs(), c.access.Gateways: tenancy.GatewayACLs()} {
		if principal == "" {
			continue
		}
		for _, a := range acls {
			pattern := kmsg.ACLResourcePatternTypeLiteral
			if a.Prefixed {
				pattern = kmsg.ACLResourcePatternTypePrefixed
			}
			for _, operation := range a.Operations {
				all = append(all, binding{principal, a.Resource, a.Name, pattern, operation})
			}
		}
	}
	return all
}

// allowPrincipals creates the ACLs that are missing.
func (c *Cluster) allowPrincipals(ctx context.Context) error {
	wanted := c.bindings()
	if len(wanted) == 0 {
		return nil
	}
	existing, err := c.existingBindings(ctx)
	if err != nil {
		return fmt.Errorf("reading ACLs: %w", err)
	}
	request := kmsg.NewPtrCreateACLsRequest()
	for _, b := range wanted {
		if existing[b] {
			continue
		}
		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType, creation.ResourceName, creation.ResourcePatternType = b.resource, b.name, b.pattern
		creation.Principal, creation.Host = b.principal, everyHost
		creation.Operation, creation.PermissionType = b.operation, kmsg.ACLPermissionTypeAllow
		request.Creations = append(request.Creations, creation)
	}
	if len(request.Creations) == 0 {
		return nil
	}
	response, err := ask(ctx, c, request)
	if err != nil {
		return fmt.Errorf("creating ACLs: %w", err)
	}
	for i, result := range response.Results {
		if err := failure(result.ErrorCode, result.ErrorMessage); err != nil {
			return fmt.Errorf("creating the ACL %v of %s: %w", request.Creations[i].Operation, request.Creations[i].Principal, err)
		}
	}
	return nil
}

// existingBindings are all that allow something from every host.
func (c *Cluster) existingBindings(ctx context.Context) (map[binding]bool, error) {
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAllow
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	existing := map[binding]bool{}
	for _, r := range response.Resources {
		for _, a := range r.ACLs {
			if a.Host == everyHost && a.PermissionType == kmsg.ACLPermissionTypeAllow {
				existing[binding{a.Principal, r.ResourceType, r.ResourceName, r.ResourcePatternType, a.Operation}] = true
			}
		}
	}
	return existing, nil
}
