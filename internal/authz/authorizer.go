package authz

import (
	"slices"

	"github.com/orrery-kafka/orrery"
)

// Authorizer knows who may do what to the Kafka resources of one logical cluster: its ACLs, and the role bindings that
// reach it. Its rules are those of Kafka's StandardAuthorizer with allow.everyone.if.no.acl.found=false:
//
//   - An ACL counts where principal (or User:*), host (or *), type and name of the resource fit. ALL is every operation.
//   - One DENY that fits denies, whatever allows. READ, WRITE, DELETE and ALTER allow DESCRIBE, and ALTER_CONFIGS allows
//     DESCRIBE_CONFIGS; a DENY implies nothing.
//   - Where nothing fits, the answer is no.
//
// A role binding is one more thing that allows, on what its pattern covers: so a DENY wins over a role, also over that
// of an administrator, as Confluent Cloud has it. There are no super users.
//
// An Authorizer never changes, so any number of goroutines may read one: With returns the next. Principals are compared
// as text, and resource names are the tenant's own.
type Authorizer struct {
	cluster  orrery.CRN // …/cloud-cluster=lkc-…
	subjects map[string]*subject
	everyone *subject // the one of User:*; may be nil
	bindings map[string]Binding
	acls     int
}

// subject is what is said to one principal.
type subject struct {
	anyHost *sections
	hosts   map[string]*sections // by host, for ACLs with one; nil where there is none
}

// sections are by resource type; each may be nil.
type sections [resourceTypes]*section

// NewAuthorizer returns the Authorizer of a logical cluster (orrery.CloudClusterCRN) to which nobody has access.
func NewAuthorizer(cluster orrery.CRN) *Authorizer { return &Authorizer{cluster: cluster} }

// Request is what is asked.
type Request struct {
	// Principal is TYPE:NAME of whoever asks, and Host its address as the function Host writes it.
	Principal, Host string
	Operation       Operation
	ResourceType    ResourceType
	// ResourceName is a name of the tenant; ClusterName for the cluster.
	ResourceName string
}

// Verdict is an answer and the rule behind it.
type Verdict struct {
	Allowed bool
	// Rule is nil where no rule fits, which denies. Of several that lead to the same answer it is one.
	Rule *Rule
}

// Authorize decides. It allocates nothing.
func (a *Authorizer) Authorize(r Request) Verdict {
	var allowing hit
	for _, s := range a.sections(r.Principal, r.Host, r.ResourceType) {
		if s == nil {
			continue
		}
		h := s.find(r.ResourceName)
		allow, deny := h.decides()
		if deny.Has(r.Operation) {
			return Verdict{Rule: h.rule(r.Operation, true)}
		}
		if allowing.section == nil && allow.Has(r.Operation) {
			allowing = h
		}
	}
	if allowing.section == nil {
		return Verdict{}
	}
	return Verdict{Allowed: true, Rule: allowing.rule(r.Operation, false)}
}

// AuthorizeByRole decides from the role bindings alone, as though there were no ACL.
func (a *Authorizer) AuthorizeByRole(r Request) Verdict {
	s := a.subjects[r.Principal]
	if s == nil || s.anyHost == nil || !r.ResourceType.concrete() || s.anyHost[r.ResourceType] == nil {
		return Verdict{}
	}
	h := s.anyHost[r.ResourceType].find(r.ResourceName)
	rule := h.literal.bound(r.Operation)
	for i := h.prefix; rule == nil && i >= 0; i = h.section.prefixes[i].parent {
		rule = h.section.prefixes[i].bound(r.Operation)
	}
	if rule == nil {
		rule = h.every.bound(r.Operation)
	}
	return Verdict{Allowed: rule != nil, Rule: rule}
}

// Operations returns what a principal may do to a resource, of what exists on its type: the authorized operations of
// KIP-430, whose bit field is int32 of it. It costs no more than one decision.
func (a *Authorizer) Operations(principal, host string, t ResourceType, name string) OperationSet {
	var allowed, denied OperationSet
	for _, s := range a.sections(principal, host, t) {
		if s == nil {
			continue
		}
		h := s.find(name)
		allow, deny := h.decides()
		allowed, denied = allowed|allow, denied|deny
	}
	return allowed &^ denied & Supported(t)
}

// hardcode is the name that Kafka's authorizeByResourceType tries first.
const hardcode = "hardcode"

// AuthorizeByResourceType decides whether a principal may do an operation to at least one resource of a type, whether
// or not there is one; the name in the request is ignored. InitProducerId without a transactional id asks it for WRITE
// on topics (KIP-679). Its answers are those of Kafka's Authorizer.authorizeByResourceType, oddities included: an
// implied operation counts only where it holds for a resource with the name "hardcode".
//
// Where it is denied on everything that it is allowed on, it has looked at all of that, which with 10,000 ACLs of one
// principal takes the better part of a millisecond. So a connection does well to remember the answer for as long as the
// Authorizer is the same.
func (a *Authorizer) AuthorizeByResourceType(r Request) Verdict {
	r.ResourceName = hardcode
	if v := a.Authorize(r); v.Allowed {
		return v
	}
	all := a.sections(r.Principal, r.Host, r.ResourceType)
	var every *Rule
	denies := false
	for _, s := range all {
		if s == nil {
			continue
		}
		denies = denies || s.deny.Has(r.Operation)
		if deny := s.every.rule(r.Operation, true); deny != nil {
			return Verdict{Rule: deny}
		}
		if every == nil {
			every = s.every.namedRule(r.Operation)
		}
	}
	if every != nil {
		return Verdict{Allowed: true, Rule: every}
	}
	var denial *Rule
	for _, s := range all {
		if s == nil || !s.named.Has(r.Operation) {
			continue
		}
		allowed, denied := s.undenied(r.Operation, &all, denies)
		if allowed != nil {
			return Verdict{Allowed: true, Rule: allowed}
		}
		denial = denied
	}
	return Verdict{Rule: denial}
}

// undenied returns a rule that allows an operation on a name or prefix on which nothing denies it altogether; where
// there is none, one that denies.
func (s *section) undenied(o Operation, all *[4]*section, denies bool) (allowed, denial *Rule) {
	for i := range s.prefixes {
		if p := &s.prefixes[i]; p.named.Has(o) {
			if !denies {
				return p.namedRule(o), nil
			}
			if denial = denied(o, all, patternKey{true, p.name}); denial == nil {
				return p.namedRule(o), nil
			}
		}
	}
	for name, p := range s.literals {
		if p.named.Has(o) {
			if !denies {
				return p.namedRule(o), nil
			}
			if denial = denied(o, all, patternKey{false, name}); denial == nil {
				return p.namedRule(o), nil
			}
		}
	}
	return nil, denial
}

// denied returns a rule that denies an operation on all that a pattern covers; nil where there is none.
func denied(o Operation, all *[4]*section, k patternKey) *Rule {
	for _, s := range all {
		if s == nil || !s.deny.Has(o) {
			continue
		}
		h := s.find(k.name) // nothing in every denies it: the caller has looked
		if k.prefixed {
			h.literal = nil
		}
		if r := h.rule(o, true); r != nil {
			return r
		}
	}
	return nil
}

// namedRule returns a rule that allows an operation by its name; nil where there is none.
func (p *pattern) namedRule(o Operation) *Rule {
	if p == nil {
		return nil
	}
	for i := range p.rules {
		if p.rules[i].named.Has(o) {
			return &p.rules[i]
		}
	}
	return nil
}

// sections returns what is said to a principal from a host, and to everyone, about a type; any of it may be nil.
func (a *Authorizer) sections(principal, host string, t ResourceType) (all [4]*section) {
	if !t.concrete() {
		return all
	}
	if s := a.subjects[principal]; s != nil {
		all[0], all[1] = s.of(host, t)
	}
	if s := a.everyone; s != nil {
		all[2], all[3] = s.of(host, t)
	}
	return all
}

func (s *subject) of(host string, t ResourceType) (anyHost, itsHost *section) {
	if s.anyHost != nil {
		anyHost = s.anyHost[t]
	}
	if s.hosts != nil {
		if its := s.hosts[host]; its != nil {
			itsHost = its[t]
		}
	}
	return anyHost, itsHost
}

// Len returns the number of ACLs.
func (a *Authorizer) Len() int { return a.acls }

// ACLs returns the ACLs that a filter selects, in the order of type, name and pattern type of the resource. It looks at
// every ACL, unless the filter names a principal.
func (a *Authorizer) ACLs(f Filter) []ACL {
	var found []ACL
	for principal, s := range a.subjects {
		if f.Principal != nil && *f.Principal != principal {
			continue
		}
		found = s.anyHost.selected(found, f)
		for _, of := range s.hosts {
			found = of.selected(found, f)
		}
	}
	slices.SortFunc(found, compare)
	return found
}

func (all *sections) selected(found []ACL, f Filter) []ACL {
	if all == nil {
		return found
	}
	for _, s := range all {
		if s == nil {
			continue
		}
		found = s.every.selected(found, f)
		for _, p := range s.literals {
			found = p.selected(found, f)
		}
		for i := range s.prefixes {
			found = s.prefixes[i].selected(found, f)
		}
	}
	return found
}

func (p *pattern) selected(found []ACL, f Filter) []ACL {
	if p == nil {
		return found
	}
	for i := range p.rules {
		if acl := p.rules[i].ACL; acl != nil && f.Matches(*acl) {
			found = append(found, *acl)
		}
	}
	return found
}
