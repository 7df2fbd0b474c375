package kafkarest

import (
	"context"
	"encoding"
	"net/http"
	"net/url"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
)

// aclData is KafkaAcl of the public API.
type aclData struct {
	Kind      string   `json:"kind"`
	Metadata  metadata `json:"metadata"`
	ClusterID string   `json:"cluster_id"`
	authz.ACL
}

func (c *call) aclData(acl authz.ACL) aclData {
	query := url.Values{
		"resource_type": {acl.ResourceType.String()}, "resource_name": {acl.ResourceName}, "pattern_type": {acl.PatternType.String()},
		"principal": {acl.Principal}, "host": {acl.Host}, "operation": {acl.Operation.String()}, "permission": {acl.Permission.String()},
	}
	return aclData{Kind: "KafkaAcl", Metadata: metadata{Self: c.link("acls") + "?" + query.Encode()}, ClusterID: c.caller.LogicalClusterID, ACL: acl}
}

// aclFilter reads the filter of a listing or a deletion. What is absent selects all; the public API has it that a
// deletion says the types, the operation and the permission, so that nobody deletes all by leaving everything out.
func (c *call) aclFilter(required ...string) (authz.Filter, error) {
	query := c.request.URL.Query()
	f := authz.Filter{ResourceType: authz.ResourceAny, PatternType: authz.PatternAny, Operation: authz.OperationAny, Permission: authz.PermissionAny}
	for _, name := range required {
		if !query.Has(name) {
			return f, badRequest("the query must have %s, which may be ANY", name)
		}
	}
	for name, of := range map[string]encoding.TextUnmarshaler{
		"resource_type": &f.ResourceType, "pattern_type": &f.PatternType, "operation": &f.Operation, "permission": &f.Permission,
	} {
		if query.Has(name) {
			if err := of.UnmarshalText([]byte(query.Get(name))); err != nil {
				return f, badRequest("%s: %v", name, err)
			}
		}
	}
	for name, of := range map[string]**string{"resource_name": &f.ResourceName, "principal": &f.Principal, "host": &f.Host} {
		if query.Has(name) {
			text := query.Get(name)
			*of = &text
		}
	}
	return f, nil
}

func listACLs(ctx context.Context, c *call) error {
	f, err := c.aclFilter()
	if err != nil {
		return err
	}
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourceName, request.ResourcePatternType = kmsg.ACLResourceType(f.ResourceType), f.ResourceName, kmsg.ACLResourcePatternType(f.PatternType)
	request.Principal, request.Host = f.Principal, f.Host
	request.Operation, request.PermissionType = kmsg.ACLOperation(f.Operation), kmsg.ACLPermissionType(f.Permission)
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if err := kafkaError(response.ErrorCode, response.ErrorMessage); err != nil {
		return err
	}
	data := []aclData{}
	for _, r := range response.Resources {
		for _, a := range r.ACLs {
			data = append(data, c.aclData(authz.ACL{
				ResourceType: authz.ResourceType(r.ResourceType), ResourceName: r.ResourceName, PatternType: authz.PatternType(r.ResourcePatternType),
				Principal: a.Principal, Host: a.Host, Operation: authz.Operation(a.Operation), Permission: authz.Permission(a.PermissionType),
			}))
		}
	}
	return c.answer(http.StatusOK, list[aclData]{Kind: "KafkaAclList", Metadata: listMetadata{Self: c.link("acls")}, Data: data})
}

func createACL(ctx context.Context, c *call) error {
	var acl authz.ACL
	if err := c.read(&acl); err != nil {
		return err
	}
	return c.createACLs(ctx, []authz.ACL{acl})
}

// maxACLBatch bounds the ACLs of one request.
const maxACLBatch = 1000

func createACLBatch(ctx context.Context, c *call) error {
	var body struct {
		Data []authz.ACL `json:"data"`
	}
	if err := c.read(&body); err != nil {
		return err
	}
	if n := len(body.Data); n == 0 || n > maxACLBatch {
		return badRequest("data has %d ACLs; it must have 1 to %d", n, maxACLBatch)
	}
	return c.createACLs(ctx, body.Data)
}

// createACLs answers 201 once all are in force. Where one is refused the others are not undone, as in the public API;
// so those that are wrong in themselves are refused before any is created.
func (c *call) createACLs(ctx context.Context, acls []authz.ACL) error {
	request := kmsg.NewPtrCreateACLsRequest()
	for i, acl := range acls {
		if err := acl.Validate(); err != nil {
			return badRequest("ACL %d: %s", i, orrery.ErrorMessage(err))
		}
		request.Creations = append(request.Creations, kmsg.CreateACLsRequestCreation{
			ResourceType: kmsg.ACLResourceType(acl.ResourceType), ResourceName: acl.ResourceName, ResourcePatternType: kmsg.ACLResourcePatternType(acl.PatternType),
			Principal: acl.Principal, Host: acl.Host, Operation: kmsg.ACLOperation(acl.Operation), PermissionType: kmsg.ACLPermissionType(acl.Permission),
		})
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Results) != len(acls) {
		return errUnexpected
	}
	for _, r := range response.Results {
		if err := kafkaError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	c.writer.WriteHeader(http.StatusCreated)
	return nil
}

// deleteACLs answers which they were.
func deleteACLs(ctx context.Context, c *call) error {
	f, err := c.aclFilter("resource_type", "pattern_type", "operation", "permission")
	if err != nil {
		return err
	}
	request := kmsg.NewPtrDeleteACLsRequest()
	request.Filters = []kmsg.DeleteACLsRequestFilter{{
		ResourceType: kmsg.ACLResourceType(f.ResourceType), ResourceName: f.ResourceName, ResourcePatternType: kmsg.ACLResourcePatternType(f.PatternType),
		Principal: f.Principal, Host: f.Host, Operation: kmsg.ACLOperation(f.Operation), PermissionType: kmsg.ACLPermissionType(f.Permission),
	}}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	if len(response.Results) != 1 {
		return errUnexpected
	}
	result := response.Results[0]
	if err := kafkaError(result.ErrorCode, result.ErrorMessage); err != nil {
		return err
	}
	data := []aclData{}
	for _, a := range result.MatchingACLs {
		if err := kafkaError(a.ErrorCode, a.ErrorMessage); err != nil {
			return err
		}
		data = append(data, c.aclData(authz.ACL{
			ResourceType: authz.ResourceType(a.ResourceType), ResourceName: a.ResourceName, PatternType: authz.PatternType(a.ResourcePatternType),
			Principal: a.Principal, Host: a.Host, Operation: authz.Operation(a.Operation), Permission: authz.Permission(a.PermissionType),
		}))
	}
	return c.answer(http.StatusOK, struct {
		Data []aclData `json:"data"`
	}{data})
}
