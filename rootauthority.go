package orrery

// RootPhase is how far the replacement of the service's own certificate authority is.
type RootPhase string

// The phases. Clients trust what the CA file has: one root, or in the phases between both.
const (
	RootSteady   RootPhase = "STEADY"   // one root, which signs
	RootTrusting RootPhase = "TRUSTING" // the next root is in the CA file too; the old one signs
	RootIssuing  RootPhase = "ISSUING"  // the next root signs, and the old one vouches for it
)

// RootStep is one step of the replacement.
type RootStep string

// The steps, in their order. Only dropping the old root cuts clients off: those that trust no other.
const (
	RootTrust RootStep = "TRUST"
	RootIssue RootStep = "ISSUE"
	RootDrop  RootStep = "DROP"
)

// rootSteps has the phase in which each step can be made, and the one to which it leads.
var rootSteps = map[RootStep][2]RootPhase{
	RootTrust: {RootSteady, RootTrusting},
	RootIssue: {RootTrusting, RootIssuing},
	RootDrop:  {RootIssuing, RootSteady},
}

// After returns the phase after a step, and whether there is anything to do: a step that was made already is none. The
// error is a Conflict that names the step to make, or Invalid for what is none.
func (p RootPhase) After(step RootStep) (next RootPhase, todo bool, err error) {
	edge, known := rootSteps[step]
	switch {
	case !known:
		return p, false, InvalidField("/step", "the step must be %s, %s or %s", RootTrust, RootIssue, RootDrop)
	case edge[0] == p:
		return edge[1], true, nil
	case edge[1] == p:
		return p, false, nil
	}
	return p, false, Errorf(Conflict, "the certificate authority is %s, and the next step is %s", p, p.Next())
}

// Next returns the step that can be made in a phase.
func (p RootPhase) Next() RootStep {
	for step, edge := range rootSteps {
		if edge[0] == p {
			return step
		}
	}
	return ""
}

// RootAuthority is the service's own certificate authority, which signs what gateways and the API present.
type RootAuthority struct {
	Phase RootPhase
	// Certificates are the roots in the CA file, the one that signs first.
	Certificates []AuthorityCertificate
	// CAFile is what clients are to trust, in PEM.
	CAFile string
}
