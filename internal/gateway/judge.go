package gateway

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/authz"
	"github.com/orrery-kafka/orrery/internal/quota"
)

// defaultDeny is the rule that denies where no other one fits.
const defaultDeny = "default-deny"

// maxFindings bounds what is kept of one response: a request about a thousand topics that somebody may not read is one
// mistake.
const maxFindings = 16

// judge looks at a decoded response before it is sent: what went wrong is counted, journaled and audited. The request
// is nil where it is not at hand, and then the response says itself what it is about. On the raw lane nothing is
// refused, and so there is nothing to judge.
func (s *slot) judge(request kmsg.Request, response kmsg.Response) {
	kept, administrative := 0, isAdministrative(s.entry.key)
	if administrative && s.session != nil && s.auditACLs(request, response) {
		administrative = false // what went well is audited
	}
	var last finding
	begun := false
	findingsIn(response, func(f finding) bool {
		switch {
		case f.code != 0 && s.code == 0:
			s.code = f.code
		case f.code == 0 && !administrative:
			return true
		}
		if begun && f.code == last.code && f.name == last.name && f.topicID == last.topicID || s.session == nil {
			return true // another partition of the same
		}
		last, begun = f, true
		if s.settleFinding(request, f) && f.code != 0 {
			kept++
		}
		return kept < maxFindings
	})
}

// settleFinding records a finding, unless it is nobody's business but the client's, which tries again.
func (s *slot) settleFinding(request kmsg.Request, f finding) (recorded bool) {
	session := s.session
	if kind, ok := resourceOfError[f.code]; ok && f.resourceType != kind {
		f.resourceType, f.name = kind, ""
	}
	if isGroupLimit(s.entry.key, f.code) {
		f.resourceType, f.name, f.topicID = orrery.CRNGroup, "", [16]byte{}
	}
	if f.name == "" && f.topicID != [16]byte{} {
		f.name = session.knownTopic(f.topicID)
	}
	if f.name == "" && request != nil {
		f.name = namesIn(request, f.resourceType)
	}
	if f.code == 0 {
		session.auditAllowed(s.entry.key, f.resourceType, f.name, neededAction(s.entry.key, f.resourceType))
		return true
	}
	class := classOf(f.code)
	entry := Entry{API: apiLabel(s.entry.key), Error: kerr.TypedErrorForCode(f.code).Message, ResourceType: f.resourceType, Resource: f.name}
	switch class {
	case errorAuthorization:
		entry.Kind = EntryDenied
	case errorQuota:
		entry.Kind, entry.Rule = EntryLimited, "limit"
	case errorRequest:
		entry.Kind = EntryRefused
	case errorRetriable:
		if f.code != storageFull.Code {
			return false // it passes
		}
		entry.Kind, entry.Rule = EntryLimited, storageRule // so does this, but not by itself
	default:
		return false
	}
	session.gateway.note(session, entry, func(e *Entry) { session.explainFinding(e, s.entry.key, f) })
	return true
}

// auditAllowed audits something that was done.
func (s *session) auditAllowed(api int16, resourceType, resource string, action authz.Action) {
	s.gateway.audited(s, Entry{
		API: apiLabel(api), ResourceType: resourceType, Resource: shortened(resource), Client: s.clientHost,
		Principal: principalOf(s.Identity), APIKeyID: s.APIKeyID, Operation: string(action),
	}, true, 1)
}

// knownTopic returns the tenant's name of a topic id that the gateway knows, else "".
func (s *session) knownTopic(id [16]byte) string {
	physical, ok := s.gateway.topics.cached(id)
	if !ok {
		return ""
	}
	name, _ := s.logical(physical)
	return name
}

// explainFinding says why a finding is, and what to do.
func (s *session) explainFinding(e *Entry, api int16, f finding) {
	e.Reason, e.Fix = shortened(f.message), remedies[f.code]
	if isGroupLimit(api, f.code) {
		e.Reason, e.Fix = groupLimitReason, groupLimitRemedy
	}
	if e.Reason == "" {
		e.Reason = kerr.TypedErrorForCode(f.code).Description
	}
	if _, resource := resourceOfError[f.code]; !resource {
		return
	}
	request := s.question(neededAction(api, f.resourceType), f.resourceType, f.name)
	verdict := s.policy().Authorize(request)
	e.Operation, e.Role, e.Rule = request.Operation.String(), "", ruleName(verdict.Rule)
	switch {
	case verdict.Allowed && f.message != "":
		e.Fix = "nothing can allow this"
	case verdict.Allowed:
		e.Reason, e.Fix = "it was not allowed when it was asked for: "+verdict.Reason(request), "try again: it is allowed now"
	case verdict.Rule == nil && looksTopicsUp(api) && f.resourceType == orrery.CRNTopic:
		e.Reason, e.Fix = shortened(verdict.Reason(request)), shortened(lookUpFix(request))
	default:
		e.Reason, e.Fix = shortened(verdict.Reason(request)), shortened(verdict.Fix(request))
		if verdict.Rule == nil {
			e.Role = authz.LeastRole(request)
		}
	}
}

// looksTopicsUp reports whether clients ask with an API where a topic is before they do what they are there for.
func looksTopicsUp(api int16) bool {
	return api == kmsg.Metadata.Int16() || api == kmsg.DescribeTopicPartitions.Int16()
}

// lookUpFix is what to do for a client that may not look a topic up. It needs more than that for what it does next, and
// which of the two that is cannot be seen yet; each of them implies DESCRIBE.
func lookUpFix(look authz.Request) string {
	produce, consume := look, look
	produce.Operation, consume.Operation = authz.OperationWrite, authz.OperationRead
	return "to produce, " + authz.Verdict{}.Fix(produce) + "; to consume, " + authz.Verdict{}.Fix(consume)
}

// ruleName names the rule behind a verdict.
func ruleName(rule *authz.Rule) string {
	switch {
	case rule == nil:
		return defaultDeny
	case rule.Binding != nil:
		return rule.Binding.ID
	}
	return "acl"
}

// throttled takes note of what a quota held back.
func (g *Gateway) throttled(s *session, v quota.Verdict) {
	wait, cause := v.Wait+v.Throttle, causeOf(v)
	g.metrics.throttled.WithLabelValues(cause.String()).Add(wait.Seconds())
	s.connection.use.throttled[cause].Add(int64(wait))
	rule := cause.String()
	if v.Client != nil {
		rule = shortened(rule + " of " + v.Client.Entity.String())
	}
	s.connection.traits.heldBy.Store(&rule)
	g.note(s, Entry{Kind: EntryThrottled, Rule: rule}, func(e *Entry) {
		if v.Client != nil {
			e.Reason = shortened(fmt.Sprintf("over the client quota %s on this broker: its clients are slowed down, this one by %s", v.Client, wait))
			e.Fix = shortened(fmt.Sprintf("use less of it, or raise it: kafka-configs --alter%s --add-config %s=VALUE", configsFlags(v.Client.Entity), v.Client.Key))
			return
		}
		e.Reason = fmt.Sprintf("the cluster is over its quota %s: its clients are slowed down, this one by %s", cause, wait)
		e.Fix = "use less of it, or ask for more: `orrery kafka quota list` shows the quotas"
	})
}

// note journals and audits what happened to a client. The session is that of the request; one that is not
// authenticated is nobody's.
func (g *Gateway) note(s *session, entry Entry, explain func(*Entry)) {
	entry.Client, entry.Node = s.clientHost, g.config.Node
	if s.PrincipalID != "" {
		entry.Principal, entry.APIKeyID = principalOf(s.Identity), s.APIKeyID
	}
	entry, unaudited := g.config.Journal.record(s.LogicalClusterID, g.config.Now(), entry, explain)
	if unaudited > 0 && entry.Kind != EntryThrottled {
		g.audited(s, entry, false, unaudited)
	}
}

func principalOf(i Identity) string {
	if i.PrincipalID == "" {
		return ""
	}
	return "User:" + i.PrincipalID
}
