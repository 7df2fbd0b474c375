package authz

import (
	"fmt"
	"strings"
)

// Operation is what is done to a Kafka resource, with Kafka's number (org.apache.kafka.common.acl.AclOperation). Its
// text is Kafka's name, such as DESCRIBE_CONFIGS.
type Operation int8

// Kafka's operations. OperationAny is for filters only, OperationAll for ACLs and filters only.
const (
	OperationUnknown Operation = iota
	OperationAny
	OperationAll
	OperationRead
	OperationWrite
	OperationCreate
	OperationDelete
	OperationAlter
	OperationDescribe
	OperationClusterAction
	OperationDescribeConfigs
	OperationAlterConfigs
	OperationIdempotentWrite
	OperationCreateTokens
	OperationDescribeTokens
	OperationTwoPhaseCommit
)

// ResourceType is a kind of Kafka resource, with Kafka's number (org.apache.kafka.common.resource.ResourceType).
type ResourceType int8

// Kafka's resource types. ResourceAny is for filters only.
const (
	ResourceUnknown ResourceType = iota
	ResourceAny
	ResourceTopic
	ResourceGroup
	ResourceCluster
	ResourceTransactionalID
	ResourceDelegationToken
	ResourceUser
	resourceTypes int = iota
)

// ClusterName is the name of the only resource of the type ResourceCluster.
const ClusterName = "kafka-cluster"

// PatternType says how the resource name of an ACL covers names (org.apache.kafka.common.resource.PatternType).
type PatternType int8

// Kafka's pattern types. PatternAny and PatternMatch are for filters only.
const (
	PatternUnknown PatternType = iota
	PatternAny
	PatternMatch
	PatternLiteral
	PatternPrefixed
)

// Permission is whether an ACL allows or denies (org.apache.kafka.common.acl.AclPermissionType).
type Permission int8

// Kafka's permission types. PermissionAny is for filters only.
const (
	PermissionUnknown Permission = iota
	PermissionAny
	PermissionDeny
	PermissionAllow
)

var (
	operationNames = []string{"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION",
		"DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT"}
	resourceTypeNames = []string{"UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"}
	patternTypeNames  = []string{"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"}
	permissionNames   = []string{"UNKNOWN", "ANY", "DENY", "ALLOW"}
)

// String returns Kafka's name of the operation.
func (o Operation) String() string { return nameOf(operationNames, o) }

// String returns Kafka's name of the resource type.
func (t ResourceType) String() string { return nameOf(resourceTypeNames, t) }

// String returns Kafka's name of the pattern type.
func (t PatternType) String() string { return nameOf(patternTypeNames, t) }

// String returns Kafka's name of the permission type.
func (p Permission) String() string { return nameOf(permissionNames, p) }

// MarshalText writes Kafka's name, as in the bodies of Kafka REST v3 and in state records.
func (o Operation) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// MarshalText writes Kafka's name.
func (t ResourceType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalText writes Kafka's name.
func (t PatternType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalText writes Kafka's name.
func (p Permission) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads Kafka's name, in upper case; anything else is an error that lists the names.
func (o *Operation) UnmarshalText(text []byte) error {
	return parseName("operation", operationNames, text, o)
}

// UnmarshalText reads Kafka's name, in upper case.
func (t *ResourceType) UnmarshalText(text []byte) error {
	return parseName("resource type", resourceTypeNames, text, t)
}

// UnmarshalText reads Kafka's name, in upper case.
func (t *PatternType) UnmarshalText(text []byte) error {
	return parseName("pattern type", patternTypeNames, text, t)
}

// UnmarshalText reads Kafka's name, in upper case.
func (p *Permission) UnmarshalText(text []byte) error {
	return parseName("permission", permissionNames, text, p)
}

// nameOf returns the name of a number; one that Kafka does not know is UNKNOWN, as Kafka's own fromCode says.
func nameOf[N ~int8](names []string, number N) string {
	if number < 0 || int(number) >= len(names) {
		return names[0]
	}
	return names[number]
}

func parseName[N ~int8](what string, names []string, text []byte, number *N) error {
	for i, name := range names {
		if name == string(text) {
			*number = N(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no %s: it is one of %s", text, what, strings.Join(names[1:], ", "))
}

// OperationSet is a set of operations, one bit for each number: the form of Kafka's authorized operations (KIP-430).
type OperationSet uint32

// everything holds each operation that may be done, and OperationAll, which stands for them.
const everything OperationSet = 1<<(OperationTwoPhaseCommit+1) - 1<<OperationAll

// Operations makes a set.
func Operations(operations ...Operation) OperationSet {
	var s OperationSet
	for _, o := range operations {
		s |= 1 << o
	}
	return s
}

// Has reports whether the set holds an operation; no set holds OperationUnknown or OperationAny.
func (s OperationSet) Has(o Operation) bool {
	return o > OperationAny && o <= OperationTwoPhaseCommit && s&(1<<o) != 0
}

// supported are the operations that exist on each type of resource (org.apache.kafka.security.authorizer.AclEntry).
var supported = [resourceTypes]OperationSet{
	ResourceTopic: Operations(OperationRead, OperationWrite, OperationCreate, OperationDescribe, OperationDelete, OperationAlter,
		OperationDescribeConfigs, OperationAlterConfigs),
	ResourceGroup: Operations(OperationRead, OperationDescribe, OperationDelete, OperationDescribeConfigs, OperationAlterConfigs),
	ResourceCluster: Operations(OperationCreate, OperationClusterAction, OperationDescribeConfigs, OperationAlterConfigs,
		OperationIdempotentWrite, OperationAlter, OperationDescribe),
	ResourceTransactionalID: Operations(OperationDescribe, OperationWrite, OperationTwoPhaseCommit),
	ResourceDelegationToken: Operations(OperationDescribe),
	ResourceUser:            Operations(OperationCreateTokens, OperationDescribeTokens),
}

// Supported returns the operations that exist on a type of resource, none for one that does not exist.
func Supported(t ResourceType) OperationSet {
	if !t.concrete() {
		return 0
	}
	return supported[t]
}

// concrete reports whether the type is one that a resource may have.
func (t ResourceType) concrete() bool { return t > ResourceAny && int(t) < resourceTypes }

// allowedBy returns what an ACL that allows an operation allows: reading, writing, deleting and altering let one
// describe, and altering the configuration lets one see it. A denial implies nothing.
func allowedBy(o Operation) OperationSet {
	switch o {
	case OperationAll:
		return everything
	case OperationRead, OperationWrite, OperationDelete, OperationAlter:
		return Operations(o, OperationDescribe)
	case OperationAlterConfigs:
		return Operations(o, OperationDescribeConfigs)
	}
	return Operations(o)
}

// namedBy returns what an ACL names, without what is implied.
func namedBy(o Operation) OperationSet {
	if o == OperationAll {
		return everything
	}
	return Operations(o)
}
