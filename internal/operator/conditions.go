package operator

import (
	"fmt"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate"
)

// Reasons of conditions, for machines.
const (
	reasonCreating            = "Creating"
	reasonCreateFailed        = "CreateFailed"
	reasonDeleting            = "Deleting"
	reasonSubstrateFailed     = "SubstrateFailed"
	reasonBrokersRunning      = "AllBrokersRunning"
	reasonBrokerStopped       = "BrokerStopped"
	reasonBrokerStarting      = "BrokerStarting"
	reasonGatewaysServing     = "AllGatewaysServing"
	reasonGatewayStarting     = "GatewayStarting"
	reasonGatewayStopped      = "GatewayStopped"
	reasonStateTopicsMissing  = "StateTopicsMissing"
	reasonBalancersServing    = "BalancersServing"
	reasonBalancerStopped     = "BalancerStopped"
	reasonCertificateValid    = "CertificateValid"
	reasonCertificateExpiring = "CertificateExpiring"
	reasonCertificateMissing  = "CertificateMissing"
	reasonCertificateExpired  = "CertificateExpired"
	reasonUnchangeable        = "UnsupportedChange"
	reasonReady               = "Ready"
	reasonControllerExpiring  = "ControllerCertificateExpiring"
	reasonPaused              = "Paused"
	reasonStuck               = "Stuck"
	reasonActing              = "Acting"
	reasonActionFails         = "ActionFails"
	reasonInSync              = "InSync"
	reasonUnderReplicated     = "UnderReplicated"
	reasonOffline             = "PartitionsOffline"
	reasonKafkaSilent         = "KafkaDoesNotAnswer"
	reasonFinalized           = "Finalized"
	reasonBaking              = "Baking"
	reasonHealthy             = "Healthy"
)

// renewalGrace is for how long a certificate that is due for renewal may stay before that is worth a reason of its own.
const renewalGrace = 24 * time.Hour

// conditionConfigured is False where the desired spec asks for a change that cannot be made.
const conditionConfigured = "Configured"

// beside are the conditions that say nothing about whether clients are served.
var beside = []string{
	orrery.ConditionReady, orrery.ConditionProgressing, orrery.ConditionReplicated, orrery.ConditionFeaturesFinalized, orrery.ConditionBrokersHealthy,
}

// Summarize sets the condition Ready from the others: True where all are, else with the reason and message of the
// first that is not. Those that say nothing about whether clients are served do not count.
func Summarize(conditions []orrery.Condition, now time.Time) []orrery.Condition {
	ready := orrery.Condition{Type: orrery.ConditionReady, Status: orrery.True, Reason: reasonReady, Message: "it serves clients", Since: now}
	for _, c := range conditions {
		if !slices.Contains(beside, c.Type) && c.Status != orrery.True {
			ready.Status, ready.Reason, ready.Message = orrery.False, c.Reason, c.Message
			break
		}
	}
	return orrery.SetCondition(conditions, ready)
}

// conditions says how far the cluster is, from what is observed and from the actions that failed last.
func (o *Operator) conditions(desired Desired, observed substrate.Observed, now time.Time) []orrery.Condition {
	all := []orrery.Condition{o.brokersRunning(desired, observed)}
	if desired.Spec.Gateways && !desired.Deleted {
		all = append(all, o.certificatesValid(observed, now), o.gatewaysServing(observed), o.balancersServing(observed))
	}
	if why := o.unchangeable(desired, observed); why != "" {
		all = append(all, orrery.Condition{Type: conditionConfigured, Status: orrery.False, Reason: reasonUnchangeable, Message: why})
	}
	all = append(all, o.progressing(desired, now))
	if c, known := o.replicated(); known && observed.Created && !desired.Deleted {
		all = append(all, c)
	}
	if c, known := o.healthy(desired); known && observed.Created && !desired.Deleted {
		all = append(all, c)
	}
	if c, known := o.finalized(desired, observed); known && observed.Created && !desired.Deleted {
		all = append(all, c)
	}
	conditions := o.known
	for _, c := range all {
		c.Since = now
		conditions = orrery.SetCondition(conditions, c)
	}
	conditions = keep(conditions, all)
	return Summarize(conditions, now)
}

// keep drops conditions that are no longer spoken about, so that a cluster that is being deleted does not carry
// what was true of its gateways. Ready and what the satellite adds stay.
func keep(conditions, spoken []orrery.Condition) []orrery.Condition {
	var kept []orrery.Condition
	for _, c := range conditions {
		_, now := orrery.FindCondition(spoken, c.Type)
		if now || c.Type == orrery.ConditionReady {
			kept = append(kept, c)
		}
	}
	return kept
}

func (o *Operator) unchangeable(desired Desired, observed substrate.Observed) string {
	if desired.Deleted || !observed.Created {
		return ""
	}
	if o.plan.Refused != "" {
		return o.plan.Refused
	}
	if f, ok := o.failed(substrate.Configure, 0); ok {
		return f.message
	}
	return ""
}

func (o *Operator) brokersRunning(desired Desired, observed substrate.Observed) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionBrokersRunning, Status: orrery.False}
	switch {
	case desired.Deleted:
		c.Reason, c.Message = reasonDeleting, "the physical cluster is being deleted"
		if f, ok := o.failed(substrate.Delete, 0); ok {
			c.Message = "the physical cluster is being deleted: " + f.message
		}
		return c
	case !observed.Created:
		c.Reason, c.Message = reasonCreating, "the physical cluster is being made"
		if f, ok := o.failed(substrate.Create, 0); ok {
			c.Reason, c.Message = reasonCreateFailed, f.message
		}
		return c
	}
	for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
		if b.Running {
			continue
		}
		why := b.Message
		if f, ok := o.failed(substrate.StartBroker, b.Node); ok {
			why = f.message
		}
		c.Reason, c.Message = reasonBrokerStopped, fmt.Sprintf("%s is %s%s", nodeName(b.Node), state(b), because(why))
		if b.Starting {
			c.Reason = reasonBrokerStarting
		}
		return c
	}
	c.Status, c.Reason, c.Message = orrery.True, reasonBrokersRunning, fmt.Sprintf("%d of %d brokers run", len(observed.Brokers), len(observed.Brokers))
	return c
}

func (o *Operator) gatewaysServing(observed substrate.Observed) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionGatewaysServing, Status: orrery.False}
	if !o.view.StateTopics {
		c.Reason, c.Message = reasonStateTopicsMissing, "the state topics are not there yet"
		if f, ok := o.failed(substrate.PrepareStateTopics, 0); ok {
			c.Message = "the state topics cannot be made: " + f.message
		}
		return c
	}
	for _, g := range observed.Gateways {
		if g.Serving {
			continue
		}
		if g.Running && g.Message == "" {
			c.Reason, c.Message = reasonGatewayStarting, fmt.Sprintf("gateway %d reads its state", g.Node)
			return c
		}
		why := g.Message
		if f, ok := o.failed(substrate.StartGateway, g.Node); ok {
			why = f.message
		}
		c.Reason, c.Message = reasonGatewayStopped, fmt.Sprintf("gateway %d does not serve: %s", g.Node, why)
		return c
	}
	if len(observed.Gateways) == 0 {
		c.Reason, c.Message = reasonGatewayStarting, "no gateway has been started"
		return c
	}
	c.Status, c.Reason, c.Message = orrery.True, reasonGatewaysServing, fmt.Sprintf("%d of %d gateways serve", len(observed.Gateways), len(observed.Gateways))
	return c
}

func (o *Operator) balancersServing(observed substrate.Observed) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionBalancersServing, Status: orrery.True, Reason: reasonBalancersServing, Message: "the bootstrap address is served"}
	if observed.Balancer.Running {
		return c
	}
	c.Status, c.Reason, c.Message = orrery.False, reasonBalancerStopped, "the bootstrap address has no balancer yet"
	if f, ok := o.failed(substrate.StartBalancer, 0); ok {
		c.Message = f.message
	} else if observed.Balancer.Message != "" {
		c.Message = observed.Balancer.Message
	}
	return c
}

func (o *Operator) certificatesValid(observed substrate.Observed, now time.Time) orrery.Condition {
	c := orrery.Condition{Type: orrery.ConditionCertificatesValid, Status: orrery.True, Reason: reasonCertificateValid}
	expires := observed.CertificateExpires
	switch {
	case expires.IsZero():
		c.Status, c.Reason, c.Message = orrery.False, reasonCertificateMissing, "the gateways have no certificate yet"
	case !now.Before(expires):
		c.Status, c.Reason, c.Message = orrery.False, reasonCertificateExpired, "the gateways' certificate ran out on "+expires.UTC().Format(time.DateOnly)
	default:
		c.Message = fmt.Sprintf("the gateways' certificate is good until %s, %d days from %s",
			expires.UTC().Format(time.DateOnly), int(expires.Sub(now).Hours()/24), now.UTC().Format(time.DateOnly))
		if now.After(certificateRenewal(observed).Add(renewalGrace)) {
			c.Reason = reasonCertificateExpiring
		}
	}
	if f, ok := o.failed(substrate.RenewCertificate, 0); ok {
		c.Message += "; it cannot be renewed: " + f.message
	}
	for _, b := range slices.Concat(observed.Brokers, observed.Controllers) {
		o.brokerCertificate(&c, b, now)
	}
	return c
}

// controllerGrace is how long before its end the certificate of the controllers' listener is worth a reason: only a
// restart replaces it.
const controllerGrace = 180 * 24 * time.Hour

// brokerCertificate adds what is worth telling of a broker's own certificates.
func (o *Operator) brokerCertificate(c *orrery.Condition, b substrate.Broker, now time.Time) {
	if expires := b.CertificateExpires; !expires.IsZero() && !now.Before(expires) {
		c.Status, c.Reason = orrery.False, reasonCertificateExpired
		c.Message = fmt.Sprintf("the certificate of %s ran out on %s", nodeName(b.Node), date(expires))
		if f, ok := o.failed(substrate.RenewBrokerCertificate, b.Node); ok {
			c.Message += "; it cannot be renewed: " + f.message
		}
	}
	if expires := b.ControllerCertificateExpires; c.Status == orrery.True && !expires.IsZero() && now.Add(controllerGrace).After(expires) {
		c.Reason = reasonControllerExpiring
		c.Message = fmt.Sprintf("the certificate of the controllers' listener of %s runs out on %s; it is made anew when the node is restarted", nodeName(b.Node), date(expires))
	}
}
