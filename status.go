package orrery

import (
	"fmt"
	"time"
)

// Generation orders versions of one desired state. Number rises when the content changes; Term rises only when
// the control plane was restored from a backup, so that what it sends then wins over what was sent before.
type Generation struct {
	Term   int64 `json:"term"`
	Number int64 `json:"number"`
}

// Compare returns -1, 0 or +1 as g is before, equal to or after other. The term counts first.
func (g Generation) Compare(other Generation) int {
	switch {
	case g.Term != other.Term:
		return sign(g.Term - other.Term)
	default:
		return sign(g.Number - other.Number)
	}
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// Next is the generation of changed content in a control plane of the given term.
func (g Generation) Next(term int64) Generation {
	return Generation{Term: max(term, g.Term), Number: g.Number + 1}
}

// IsZero reports whether there never was one.
func (g Generation) IsZero() bool { return g == Generation{} }

// String returns TERM.NUMBER.
func (g Generation) String() string { return fmt.Sprintf("%d.%d", g.Term, g.Number) }

// ConditionStatus is "True", "False" or "Unknown", as in Kubernetes.
type ConditionStatus string

// The condition statuses.
const (
	True    ConditionStatus = "True"
	False   ConditionStatus = "False"
	Unknown ConditionStatus = "Unknown"
)

// Condition is one observed aspect of something, with the reason for a machine (CamelCase) and the message for
// a person. The same strings appear in the operator's log, the API, the CLI and the console.
type Condition struct {
	Type    string          `json:"type"`
	Status  ConditionStatus `json:"status"`
	Reason  string          `json:"reason"`
	Message string          `json:"message,omitempty"`
	// Since is when Status last changed.
	Since time.Time `json:"since"`
}

// ConditionReady is True where the thing does what it is for.
const ConditionReady = "Ready"

// SetCondition replaces the condition of c's type, keeping Since where the status is unchanged. Conditions stay
// in the order in which they first appeared. It returns a new slice and leaves conditions as it is.
func SetCondition(conditions []Condition, c Condition) []Condition {
	out := append([]Condition(nil), conditions...)
	for i, old := range out {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.Since = old.Since
		}
		out[i] = c
		return out
	}
	return append(out, c)
}

// FindCondition returns the condition of a type and whether there is one.
func FindCondition(conditions []Condition, conditionType string) (Condition, bool) {
	for _, c := range conditions {
		if c.Type == conditionType {
			return c, true
		}
	}
	return Condition{}, false
}

// Phase is where a stored object is between being asked for and being gone.
type Phase string

// The phases of an object that takes effect elsewhere. The store never holds one that is gone.
const (
	PhasePending  Phase = "PENDING"  // asked for; not yet usable everywhere
	PhaseUsable   Phase = "USABLE"   // it works on every gateway that it concerns
	PhaseDeleting Phase = "DELETING" // asked to go; still being removed somewhere
)

// Lifecycle is a wait as a state: who waits for what since when, until when, and why it is not over. It is what
// stands behind "2xx means usable": a creation that is still pending at its deadline is withdrawn, a deletion
// never is.
type Lifecycle struct {
	Phase Phase `json:"phase"`
	// Since is when the phase began.
	Since time.Time `json:"since"`
	// Deadline ends the wait of PhasePending; zero where there is none.
	Deadline time.Time `json:"deadline,omitzero"`
	// Reason explains a wait: "waiting for gateway 2 of pkc-… since …".
	Reason string `json:"reason,omitempty"`
	// Applied is true in PhaseDeleting once no gateway honours the object any more.
	Applied bool `json:"applied,omitempty"`
	// Withdrawn is true where the deletion is the withdrawal of a creation that missed its deadline.
	Withdrawn bool `json:"withdrawn,omitempty"`
}
