package gateway

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/quota"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// AlterClientQuotas: v0-1
//
// Behavior:
// * ALTER_CONFIGS on the cluster, else CLUSTER_AUTHORIZATION_FAILED for each entity.
// * What is invalid is INVALID_REQUEST, one entity by one: keys that Kafka does not have, values that are not greater
// than 0, an entity that is empty. A broker refuses "ip" where it is mixed with others; here it is refused always, for
// the service sets what one address may do.
// * A user is named as its principal without "User:", which is refused: it would never be anybody.
// * More entities than a cluster may have quotas for, or in one request, are POLICY_VIOLATION: all of them or none.
// * They are in force on this gateway when it answers, for open connections too, on the cluster's others within
// moments. One that could not be written in time is REQUEST_TIMED_OUT.
// * Two values of one entity that are set at once, by two clients or at two gateways, are both set.
//
// Version notes:
// * v1: flexible
func alterClientQuotas(ctx context.Context, s *session, r *kmsg.AlterClientQuotasRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.AlterClientQuotasResponse)
	response.Entries = make([]kmsg.AlterClientQuotasResponseEntry, len(r.Entries))
	for i, e := range r.Entries {
		for _, part := range e.Entity {
			response.Entries[i].Entity = append(response.Entries[i].Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: part.Type, Name: part.Name})
		}
	}
	if !s.allowed(authz.AlterConfigs, orrery.CRNKafka, "") {
		for i := range response.Entries {
			response.Entries[i].ErrorCode = kerr.ClusterAuthorizationFailed.Code
			response.Entries[i].ErrorMessage = kmsg.StringPtr(fmt.Sprintf(clusterDenied, authz.AlterConfigs))
		}
		return answered(response), nil
	}
	for i, err := range s.alterClientQuotas(ctx, r) {
		if err != nil {
			code, why := clientQuotaError(err)
			response.Entries[i].ErrorCode, response.Entries[i].ErrorMessage = code, &why
		}
	}
	return answered(response), nil
}

// alterClientQuotas writes what is valid, unless it is only to be checked. The error of each entity is in its place.
func (s *session) alterClientQuotas(ctx context.Context, r *kmsg.AlterClientQuotasRequest) []error {
	errs := make([]error, len(r.Entries))
	if len(r.Entries) > quota.MaxClientQuotas {
		return joined(errs, orrery.Errorf(orrery.LimitExceeded, "A request changes at most %d users and clients, not %d.", quota.MaxClientQuotas, len(r.Entries)))
	}
	present := s.gateway.state.Load().clientQuotasOf(s.LogicalClusterID).quotas
	var rules []rule
	var place []int // of each rule its entry
	var set []quota.Entity
	for i, e := range r.Entries {
		entity, operations, err := readAlteration(e)
		if err == nil {
			_, err = present.Alter(entity, operations)
		}
		if errs[i] = err; err != nil {
			continue
		}
		for _, o := range operations {
			changed, known := clientQuotaRule(entity, o)
			if !known {
				continue // to remove what no quota has is no error
			}
			rules, place = append(rules, changed), append(place, i)
			if !o.Remove && !slices.Contains(set, entity) {
				set = append(set, entity)
			}
		}
	}
	inForce := func() (int, func(quota.Entity) bool) {
		quotas := s.gateway.state.Load().clientQuotasOf(s.LogicalClusterID).quotas
		return len(quotas), func(e quota.Entity) bool { return len(quotas[e]) > 0 }
	}
	has, added, ok := s.gateway.roomForQuotas.reserve(inForce, s.LogicalClusterID, set, quota.MaxClientQuotas)
	if !ok {
		return joined(errs, orrery.Errorf(orrery.LimitExceeded,
			"A cluster has client quotas for at most %d users and clients and has them for %d; these would be %d more. Remove some, or let a default stand for many.",
			quota.MaxClientQuotas, has, added))
	}
	defer s.gateway.roomForQuotas.release(s.LogicalClusterID, set)
	if r.ValidateOnly {
		return errs
	}
	for i, err := range s.writeRules(ctx, rules) {
		if err != nil {
			errs[place[i]] = err
		}
	}
	return errs
}

func readAlteration(e kmsg.AlterClientQuotasRequestEntry) (quota.Entity, []quota.Operation, error) {
	names := make([]quota.EntityName, len(e.Entity))
	for i, part := range e.Entity {
		names[i] = quota.EntityName{Type: part.Type, Name: part.Name}
	}
	operations := make([]quota.Operation, len(e.Ops))
	for i, o := range e.Ops {
		operations[i] = quota.Operation{Key: o.Key, Value: o.Value, Remove: o.Remove}
	}
	entity, err := quota.NewEntity(names)
	return entity, operations, err
}

// clientQuotaRule is an operation as it is stored; not known is one that removes what no quota has.
func clientQuotaRule(entity quota.Entity, o quota.Operation) (_ rule, known bool) {
	setting := quota.Setting{Entity: entity, Key: o.Key, Value: o.Value}
	r := rule{kind: tenancy.StateClientQuota, id: setting.ID()}
	if !o.Remove {
		r.content = setting
	}
	return r, quota.IsClientKey(o.Key)
}

// joined puts an error in every place that has none.
func joined(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}
