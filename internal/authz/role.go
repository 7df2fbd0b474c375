package authz

import (
	"maps"
	"slices"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// role is what a role lets its principals do.
type role struct {
	// scopes are the paths of element types that the pattern of a binding may have.
	scopes [][]string
	// operations are what it lets one do to Kafka resources: those of every cluster that the pattern covers, or, where
	// the pattern is of a Kafka resource, those.
	operations map[ResourceType]OperationSet
	// views and manages are the types of the things that it lets one see in the control plane and change, where its
	// pattern covers them. Who may change a thing may bind roles on it.
	views, manages []string
}

var everyThing = []string{"*"}

var (
	organizationScope    = []string{orrery.CRNOrganization}
	environmentScope     = append(slices.Clip(organizationScope), orrery.CRNEnvironment)
	cloudClusterScope    = append(slices.Clip(environmentScope), orrery.CRNCloudCluster)
	kafkaScope           = append(slices.Clip(cloudClusterScope), orrery.CRNKafka)
	topicScope           = append(slices.Clip(kafkaScope), orrery.CRNTopic)
	groupScope           = append(slices.Clip(kafkaScope), orrery.CRNGroup)
	transactionalIDScope = append(slices.Clip(kafkaScope), orrery.CRNTransactionalID)
)

var allResources = map[ResourceType]OperationSet{
	ResourceTopic: everything, ResourceGroup: everything, ResourceCluster: everything, ResourceTransactionalID: everything,
	ResourceDelegationToken: everything, ResourceUser: everything,
}

// roles is the table of roles. The names, scopes and operations are those of Confluent Cloud (its documentation of
// predefined roles, and the access policies that its API shows), with these differences: the administrators may do
// everything, where there groups are not listed by themselves; ResourceOwner has every operation that exists on its
// resource, which with Kafka 4 are more.
//
// Kafka itself adds one thing: who may WRITE to any topic may produce with idempotence (KIP-679), so DeveloperWrite on a
// topic needs no binding on the cluster.
var roles = map[string]role{
	orrery.RoleOrganizationAdmin: {scopes: [][]string{organizationScope}, operations: allResources, views: everyThing, manages: everyThing},
	orrery.RoleEnvironmentAdmin:  {scopes: [][]string{environmentScope}, operations: allResources, views: everyThing, manages: everyThing},
	orrery.RoleCloudClusterAdmin: {scopes: [][]string{cloudClusterScope}, operations: allResources, views: everyThing, manages: everyThing},
	// Operator sees how everything is set up and how it does, and neither records nor secrets.
	orrery.RoleOperator: {
		scopes: [][]string{organizationScope, environmentScope, cloudClusterScope},
		operations: map[ResourceType]OperationSet{
			ResourceTopic:           Operations(OperationDescribe, OperationDescribeConfigs),
			ResourceGroup:           Operations(OperationDescribe, OperationDescribeConfigs),
			ResourceCluster:         Operations(OperationDescribe, OperationDescribeConfigs),
			ResourceTransactionalID: Operations(OperationDescribe),
		},
		views: []string{orrery.CRNOrganization, orrery.CRNEnvironment, orrery.CRNCloudCluster, orrery.CRNServiceAccount, orrery.CRNAPIKey,
			orrery.CRNIdentityProvider, orrery.CRNIdentityPool},
	},
	// MetricsViewer sees which clusters there are, to ask for their metrics, and nothing that Kafka says.
	orrery.RoleMetricsViewer: {
		scopes: [][]string{organizationScope, environmentScope, cloudClusterScope},
		views:  []string{orrery.CRNOrganization, orrery.CRNEnvironment, orrery.CRNCloudCluster},
	},
	orrery.RoleResourceOwner: {
		scopes: [][]string{topicScope, groupScope, transactionalIDScope},
		operations: map[ResourceType]OperationSet{
			ResourceTopic:           supported[ResourceTopic],
			ResourceGroup:           supported[ResourceGroup],
			ResourceTransactionalID: supported[ResourceTransactionalID],
		},
		manages: []string{orrery.CRNTopic, orrery.CRNGroup, orrery.CRNTransactionalID},
	},
	orrery.RoleDeveloperRead: {
		scopes: [][]string{topicScope, groupScope, transactionalIDScope},
		operations: map[ResourceType]OperationSet{
			ResourceTopic:           Operations(OperationRead, OperationDescribe),
			ResourceGroup:           Operations(OperationRead, OperationDescribe),
			ResourceTransactionalID: Operations(OperationDescribe),
		},
	},
	orrery.RoleDeveloperWrite: {
		scopes: [][]string{kafkaScope, topicScope, transactionalIDScope},
		operations: map[ResourceType]OperationSet{
			ResourceTopic:           Operations(OperationWrite, OperationDescribe),
			ResourceCluster:         Operations(OperationIdempotentWrite),
			ResourceTransactionalID: Operations(OperationWrite, OperationDescribe),
		},
	},
	orrery.RoleDeveloperManage: {
		scopes: [][]string{kafkaScope, topicScope, groupScope, transactionalIDScope},
		operations: map[ResourceType]OperationSet{
			ResourceTopic:           Operations(OperationCreate, OperationDelete, OperationDescribe, OperationDescribeConfigs),
			ResourceGroup:           Operations(OperationDelete, OperationDescribe),
			ResourceCluster:         Operations(OperationCreate, OperationDescribeConfigs),
			ResourceTransactionalID: Operations(OperationDescribe),
		},
	},
}

// resourceTypeOf is the type of the Kafka resource that a CRN whose last element has a type names.
var resourceTypeOf = map[string]ResourceType{
	orrery.CRNKafka: ResourceCluster, orrery.CRNTopic: ResourceTopic, orrery.CRNGroup: ResourceGroup,
	orrery.CRNTransactionalID: ResourceTransactionalID,
}

// CheckPattern returns an Invalid error where a role does not exist or cannot be bound to a pattern: the pattern's
// elements must be those of one of the role's scopes, a Kafka cluster must be that of the cluster before it, and a "*"
// may only end the last name, and stands for no organization.
func CheckPattern(name string, pattern orrery.CRN) error {
	r, ok := roles[name]
	if !ok {
		return orrery.InvalidField("/role_name", "the role %q is not offered; the roles are %s",
			shortened(name), strings.Join(slices.Sorted(maps.Keys(roles)), ", "))
	}
	path := pathOf(pattern)
	if !slices.ContainsFunc(r.scopes, func(scope []string) bool { return slices.Equal(scope, path) }) {
		return orrery.InvalidField("/crn_pattern", "the role %s is bound to %s, and the pattern is %s", name, r.scopeText(), pattern)
	}
	last := len(path) - 1
	for i, e := range pattern.Elements {
		star := strings.IndexByte(e.Name, '*')
		if star >= 0 && (i == 0 || i < last || star != len(e.Name)-1) {
			return orrery.InvalidField("/crn_pattern", "a \"*\" may only be the last character of the pattern, and stands for no organization")
		}
	}
	if kafka := pattern.Element(orrery.CRNKafka); kafka != "" && kafka != pattern.Element(orrery.CRNCloudCluster) {
		return orrery.InvalidField("/crn_pattern", "the Kafka cluster of a cloud-cluster has its name, and the pattern is %s", pattern)
	}
	return nil
}

// scopeText lists the scopes for an error.
func (r role) scopeText() string {
	texts := make([]string, len(r.scopes))
	for i, scope := range r.scopes {
		texts[i] = "a " + scope[len(scope)-1] + " (" + strings.Join(scope, "=…/") + "=…)"
	}
	return strings.Join(texts, " or ")
}

func pathOf(c orrery.CRN) []string {
	path := make([]string, len(c.Elements))
	for i, e := range c.Elements {
		path[i] = e.Type
	}
	return path
}

// allows reports whether a binding of the role to a pattern lets one do action to a resource that may be in the control
// plane or in Kafka.
func (r role) allows(action Action, pattern, resource orrery.CRN) bool {
	if len(resource.Elements) == 0 || !pattern.Covers(resource) {
		return false
	}
	// A binding on a Kafka cluster is about the cluster itself, not about its topics.
	if pattern.Element(orrery.CRNKafka) != "" && len(pattern.Elements) != len(resource.Elements) {
		return false
	}
	last := resource.Elements[len(resource.Elements)-1].Type
	switch action {
	case View:
		return covers(r.views, last)
	case Manage:
		return covers(r.manages, last)
	}
	return r.operations[resourceTypeOf[last]].Has(action.Operation())
}

func covers(things []string, thing string) bool {
	return slices.Contains(things, thing) || slices.Equal(things, everyThing)
}

// grant is what a role binding lets one do to the Kafka resources of a pattern in one cluster.
type grant struct {
	resourceType ResourceType
	pattern      patternKey
	operations   OperationSet
}

// clusterKey is the pattern of the only resource of the type ResourceCluster.
var clusterKey = patternKey{name: ClusterName}

// grants returns what the binding gives in a logical cluster; nothing where it does not reach it, or makes no sense.
func (b Binding) grants(cluster orrery.CRN) []grant {
	if CheckPattern(b.Role, b.Pattern) != nil {
		return nil
	}
	var all []grant
	if b.Pattern.Covers(cluster) {
		for t, operations := range roles[b.Role].operations {
			key := everyKey
			if t == ResourceCluster {
				key = clusterKey
			}
			all = append(all, grant{t, key, operations})
		}
		return all
	}
	if !cluster.Covers(b.Pattern) { // as a pattern, a cluster covers what is in it
		return nil
	}
	last := b.Pattern.Elements[len(b.Pattern.Elements)-1]
	t := resourceTypeOf[last.Type]
	key := patternKey{name: last.Name}
	switch prefix, cut := strings.CutSuffix(last.Name, "*"); {
	case t == ResourceCluster:
		key = clusterKey
	case cut:
		key = patternKey{prefixed: true, name: prefix}
	}
	return append(all, grant{t, key, roles[b.Role].operations[t]})
}

func (b Binding) equal(other Binding) bool {
	return b.ID == other.ID && b.Principal == other.Principal && b.Role == other.Role && slices.Equal(b.Pattern.Elements, other.Pattern.Elements)
}

// Reaches reports whether a role binding with this pattern has anything to say in a logical cluster
// (orrery.CloudClusterCRN): it covers the cluster, or something in it.
func Reaches(pattern, cluster orrery.CRN) bool {
	return pattern.Covers(cluster) || cluster.Covers(pattern)
}
