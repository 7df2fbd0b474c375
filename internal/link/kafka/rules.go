package kafka

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Rule is something that a satellite's identity may do on the control plane's Kafka, in the terms of Kafka's ACLs.
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
