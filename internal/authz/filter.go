package authz

import (
	"strings"

	"github.com/orrery-kafka/orrery"
)

// Filter selects ACLs, as in DescribeAcls and DeleteAcls (org.apache.kafka.common.acl.AclBindingFilter). A nil text
// and a number of the name …Any select everything.
type Filter struct {
	ResourceType ResourceType
	ResourceName *string
	// PatternType Literal and Prefixed select the patterns of that type that have the very name. PatternAny selects
	// the patterns of both types that have it, and PatternMatch those that cover it.
	PatternType PatternType
	Principal   *string
	Host        *string
	Operation   Operation
	Permission  Permission
}

// HasUnknown reports whether a field has a number that Kafka does not know. Kafka refuses the whole DescribeAcls or
// DeleteAcls request that has such a filter.
func (f Filter) HasUnknown() bool {
	return f.ResourceType.String() == resourceTypeNames[0] || f.PatternType.String() == patternTypeNames[0] ||
		f.Operation.String() == operationNames[0] || f.Permission.String() == permissionNames[0]
}

// Validate returns an Invalid error for a filter that Kafka refuses (INVALID_REQUEST).
func (f Filter) Validate() error {
	if f.HasUnknown() {
		return orrery.Errorf(orrery.Invalid, "the filter has an unknown resource type, pattern type, operation or permission")
	}
	return nil
}

// Matches reports whether the filter selects an ACL. OperationAll selects the ACLs whose operation is ALL, not all.
func (f Filter) Matches(a ACL) bool {
	switch {
	case f.ResourceType != ResourceAny && f.ResourceType != a.ResourceType,
		f.Operation != OperationAny && f.Operation != a.Operation,
		f.Permission != PermissionAny && f.Permission != a.Permission,
		f.Principal != nil && *f.Principal != a.Principal,
		f.Host != nil && *f.Host != a.Host:
		return false
	}
	return f.matchesPattern(a)
}

func (f Filter) matchesPattern(a ACL) bool {
	switch f.PatternType {
	case PatternAny:
		return f.ResourceName == nil || *f.ResourceName == a.ResourceName
	case PatternMatch:
		return f.ResourceName == nil || a.covers(*f.ResourceName)
	}
	return f.PatternType == a.PatternType && (f.ResourceName == nil || *f.ResourceName == a.ResourceName)
}

// covers reports whether the ACL's pattern covers a name.
func (a ACL) covers(name string) bool {
	if a.PatternType == PatternPrefixed {
		return strings.HasPrefix(name, a.ResourceName)
	}
	return a.ResourceName == name || a.ResourceName == wildcard
}
