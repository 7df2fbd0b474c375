package orrery

import (
	"strings"
)

// CRNAuthority is the authority of every resource name. Clients made for Confluent Cloud parse resource names,
// so it is theirs.
const CRNAuthority = "confluent.cloud"

const crnPrefix = "crn://" + CRNAuthority + "/"

// CRN is a Confluent resource name: crn://confluent.cloud/organization=…/environment=…/cloud-cluster=lkc-…/
// kafka=lkc-…/topic=NAME. Elements are in order from the organization down. A pattern is a CRN whose last value
// ends in "*", which matches every value with that prefix.
type CRN struct {
	Elements []CRNElement
}

// CRNElement is one TYPE=NAME of a CRN.
type CRNElement struct {
	Type, Name string
}

// The element types that this service uses.
const (
	CRNOrganization     = "organization"
	CRNEnvironment      = "environment"
	CRNCloudCluster     = "cloud-cluster"
	CRNKafka            = "kafka"
	CRNTopic            = "topic"
	CRNGroup            = "group"
	CRNTransactionalID  = "transactional-id"
	CRNServiceAccount   = "service-account"
	CRNUser             = "user"
	CRNAPIKey           = "api-key"
	CRNRoleBinding      = "role-binding"
	CRNIdentityProvider = "identity-provider"
	CRNIdentityPool     = "identity-pool"
)

const maxCRNLength = 1024

// OrganizationCRN names an organization.
func OrganizationCRN(organizationID string) CRN {
	return CRN{[]CRNElement{{CRNOrganization, organizationID}}}
}

// With returns the CRN with one more element; c is not changed.
func (c CRN) With(elementType, name string) CRN {
	return CRN{append(c.Elements[:len(c.Elements):len(c.Elements)], CRNElement{elementType, name})}
}

// EnvironmentCRN names an environment.
func EnvironmentCRN(organizationID, environmentID string) CRN {
	return OrganizationCRN(organizationID).With(CRNEnvironment, environmentID)
}

// CloudClusterCRN names a logical cluster as a thing of the control plane. Its Kafka resources are below
// KafkaCRN.
func CloudClusterCRN(organizationID, environmentID, logicalClusterID string) CRN {
	return EnvironmentCRN(organizationID, environmentID).With(CRNCloudCluster, logicalClusterID)
}

// KafkaCRN names a logical Kafka cluster as the parent of topics, groups and transactional ids.
func KafkaCRN(organizationID, environmentID, logicalClusterID string) CRN {
	return CloudClusterCRN(organizationID, environmentID, logicalClusterID).With(CRNKafka, logicalClusterID)
}

// String returns the canonical form. A value is not escaped: Kafka's names hold no "/", except groups and
// transactional ids, whose element is always the last.
func (c CRN) String() string {
	var b strings.Builder
	b.WriteString(crnPrefix)
	for i, e := range c.Elements {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(e.Type)
		b.WriteByte('=')
		b.WriteString(e.Name)
	}
	return b.String()
}

// ParseCRN reads a CRN or a pattern. It returns an Invalid error that says what is wrong.
func ParseCRN(s string) (CRN, error) {
	if len(s) > maxCRNLength {
		return CRN{}, Errorf(Invalid, "the resource name has %d characters; at most %d are allowed", len(s), maxCRNLength)
	}
	rest, ok := strings.CutPrefix(s, crnPrefix)
	if !ok {
		return CRN{}, Errorf(Invalid, "%q is not a resource name: it must begin with %q", s, crnPrefix)
	}
	var c CRN
	for rest != "" {
		kind, after, ok := strings.Cut(rest, "=")
		if !ok || kind == "" {
			return CRN{}, Errorf(Invalid, "%q is not a resource name: every element after %q must be TYPE=NAME", s, crnPrefix)
		}
		name := after
		rest = ""
		if kind != CRNGroup && kind != CRNTransactionalID && kind != CRNTopic {
			name, rest, _ = strings.Cut(after, "/")
		}
		if name == "" {
			return CRN{}, Errorf(Invalid, "%q is not a resource name: %q has no name", s, kind)
		}
		c.Elements = append(c.Elements, CRNElement{kind, name})
	}
	if len(c.Elements) == 0 || c.Elements[0].Type != CRNOrganization {
		return CRN{}, Errorf(Invalid, "%q is not a resource name: it must begin with %q and name an organization", s, crnPrefix+CRNOrganization+"=")
	}
	return c, nil
}

// Covers reports whether the pattern c names resource itself or an ancestor of it: an environment's pattern
// covers its clusters. A value ending in "*" matches every value that begins with what is before it.
func (c CRN) Covers(resource CRN) bool {
	if len(c.Elements) == 0 || len(c.Elements) > len(resource.Elements) {
		return false
	}
	for i, e := range c.Elements {
		r := resource.Elements[i]
		if e.Type != r.Type {
			return false
		}
		prefix, wildcard := strings.CutSuffix(e.Name, "*")
		if wildcard && strings.HasPrefix(r.Name, prefix) {
			continue
		}
		if e.Name != r.Name {
			return false
		}
	}
	return true
}

// Element returns the name of the element of a type, and "" where the CRN has none.
func (c CRN) Element(elementType string) string {
	for _, e := range c.Elements {
		if e.Type == elementType {
			return e.Name
		}
	}
	return ""
}
