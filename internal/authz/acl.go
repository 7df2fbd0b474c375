package authz

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
)

const (
	// anyone is the principal of an ACL that is about every principal, of whatever type.
	anyone = "User:*"
	// wildcard is the host of an ACL that is about every host, and the literal name that stands for every resource.
	wildcard = "*"
)

// Limits of what an ACL may say. Kafka has none of its own below the 32 KiB of a protocol string; no topic, principal
// or address comes near these.
const (
	MaxResourceNameLength = 1024 // bytes
	MaxPrincipalLength    = 1024 // bytes
	MaxHostLength         = 255  // bytes
)

// ACL is one Kafka access control entry: what AclBinding is in Kafka. Two ACLs are the same when all fields are. As
// JSON it is the content of a state record, with the field names of Kafka REST v3.
type ACL struct {
	ResourceType ResourceType `json:"resource_type"`
	// ResourceName is a logical name of the tenant, or "*" with PatternLiteral: every name.
	ResourceName string      `json:"resource_name"`
	PatternType  PatternType `json:"pattern_type"`
	// Principal is TYPE:NAME; "User:*" is everyone.
	Principal string `json:"principal"`
	// Host is an IP address as the function Host writes it, or "*". Kafka compares it as text, so another way of
	// writing the same address matches nothing, and does not check it.
	Host       string     `json:"host"`
	Operation  Operation  `json:"operation"`
	Permission Permission `json:"permission"`
}

// ID identifies the ACL by its content, in 64 hexadecimal digits: the key of its state record, acl/lkc-…/ID, so that
// gateways that create the same ACL at once write the same record.
func (a ACL) ID() string {
	content, err := json.Marshal(a)
	if err != nil {
		panic(err) // a struct of strings and of numbers with names cannot fail
	}
	return orrery.Hash(content)
}

// String is for people: "DENY WRITE on TOPIC orders to User:sa-1 from *".
func (a ACL) String() string {
	name := a.ResourceName
	if a.PatternType == PatternPrefixed {
		name += "… (prefix)"
	}
	return a.Permission.String() + " " + a.Operation.String() + " on " + a.ResourceType.String() + " " + name + " to " + a.Principal + " from " + a.Host
}

// HasUnknown reports whether a field has a number that Kafka does not know. Kafka refuses the whole CreateAcls request
// that has such an ACL, before it looks at any.
func (a ACL) HasUnknown() bool {
	return a.ResourceType.String() == resourceTypeNames[0] || a.PatternType.String() == patternTypeNames[0] ||
		a.Operation.String() == operationNames[0] || a.Permission.String() == permissionNames[0]
}

// Validate returns an Invalid error for an ACL that Kafka does not let one create (INVALID_REQUEST), or whose text is
// longer than the limits here or not UTF-8. Like Kafka it does not ask whether the operation exists on the resource.
func (a ACL) Validate() error {
	switch {
	case !a.ResourceType.concrete():
		return orrery.InvalidField("/resource_type", "an ACL cannot be for the resource type %s", a.ResourceType)
	case a.PatternType != PatternLiteral && a.PatternType != PatternPrefixed:
		return orrery.InvalidField("/pattern_type", "the pattern type of an ACL is LITERAL or PREFIXED, not %s", a.PatternType)
	case a.Operation <= OperationAny || a.Operation > OperationTwoPhaseCommit:
		return orrery.InvalidField("/operation", "an ACL cannot be for the operation %s", a.Operation)
	case a.Permission != PermissionAllow && a.Permission != PermissionDeny:
		return orrery.InvalidField("/permission", "the permission of an ACL is ALLOW or DENY, not %s", a.Permission)
	case a.ResourceName == "":
		return orrery.InvalidField("/resource_name", "the resource name is empty")
	case a.ResourceType == ResourceCluster && a.ResourceName != ClusterName:
		return orrery.InvalidField("/resource_name", "the only name of a resource of the type CLUSTER is %s", ClusterName)
	case !strings.Contains(a.Principal, ":"):
		return orrery.InvalidField("/principal", "the principal %q is not TYPE:NAME, such as User:sa-abc123", shortened(a.Principal))
	}
	if err := checkText("/resource_name", a.ResourceName, MaxResourceNameLength); err != nil {
		return err
	}
	if err := checkText("/principal", a.Principal, MaxPrincipalLength); err != nil {
		return err
	}
	return checkText("/host", a.Host, MaxHostLength)
}

func checkText(pointer, text string, most int) error {
	if len(text) > most {
		return orrery.InvalidField(pointer, "it has %d bytes; at most %d are allowed", len(text), most)
	}
	if !utf8.ValidString(text) {
		return orrery.InvalidField(pointer, "it is not UTF-8")
	}
	return nil
}

// shortened is for error texts, which go back to whoever sent the text.
func shortened(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// compare orders ACLs for listings: those of one resource pattern are together, as DescribeAcls groups them.
func compare(a, b ACL) int {
	return cmp.Or(
		cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.ResourceName, b.ResourceName), cmp.Compare(a.PatternType, b.PatternType),
		cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Host, b.Host),
		cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Permission, b.Permission))
}
