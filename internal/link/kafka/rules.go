package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Rule is something that a satellite's identity may do on the control plane's Kafka: a literal ACL that allows it.
type Rule struct {
	Resource   kmsg.ACLResourceType
	Name       string
	Operations []kmsg.ACLOperation
}

// SatelliteRules is all that the identity of one satellite may do: read its desired state, and write its status in
// transactions of its own. It may make both topics anew, for they are its own.
func SatelliteRules(satelliteID string) []Rule {
	const describe, create = kmsg.ACLOperationDescribe, kmsg.ACLOperationCreate
	return []Rule{
		{kmsg.ACLResourceTypeTopic, desiredPrefix + satelliteID, []kmsg.ACLOperation{kmsg.ACLOperationRead, describe, create}},
		{kmsg.ACLResourceTypeTopic, statusPrefix + satelliteID, []kmsg.ACLOperation{kmsg.ACLOperationWrite, describe, create}},
		{kmsg.ACLResourceTypeTransactionalId, transactionalID(statusPrefix + satelliteID), []kmsg.ACLOperation{kmsg.ACLOperationWrite, describe}},
	}
}

// transactionalID is that of the sender to a topic.
func transactionalID(topic string) string { return "orrery-" + strings.Replace(topic, ".", "-", 1) }

// Permit lets a principal, such as User:sat-x1y2z3, do what SatelliteRules has, by ACLs of the brokers. Those that are
// there already stay. It is for the mothership's end, which may change ACLs.
func (l *Link) Permit(ctx context.Context, satelliteID, principal string) error {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	request := kmsg.NewPtrCreateACLsRequest()
	for _, rule := range SatelliteRules(satelliteID) {
		for _, operation := range rule.Operations {
			creation := kmsg.NewCreateACLsRequestCreation()
			creation.ResourceType, creation.ResourceName, creation.ResourcePatternType = rule.Resource, rule.Name, kmsg.ACLResourcePatternTypeLiteral
			creation.Principal, creation.Host = principal, "*"
			creation.Operation, creation.PermissionType = operation, kmsg.ACLPermissionTypeAllow
			request.Creations = append(request.Creations, creation)
		}
	}
	response, err := request.RequestWith(ctx, l.client)
	if err != nil {
		return fmt.Errorf("link: permitting %s: %w", principal, err)
	}
	if i := slices.IndexFunc(response.Results, func(r kmsg.CreateACLsResponseResult) bool { return r.ErrorCode != 0 }); i >= 0 {
		return fmt.Errorf("link: permitting %s: %w", principal, kerr.ErrorForCode(response.Results[i].ErrorCode))
	}
	if len(response.Results) != len(request.Creations) {
		return errors.New("link: the brokers did not answer about every ACL")
	}
	return nil
}
