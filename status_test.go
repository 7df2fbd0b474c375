package orrery

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSetCondition(t *testing.T) {
	t0, t1 := time.Unix(10, 0), time.Unix(20, 0)
	first := SetCondition(nil, Condition{Type: "Ready", Status: False, Reason: "BrokerStopped", Since: t0})
	same := SetCondition(first, Condition{Type: "Ready", Status: False, Reason: "GatewayStopped", Since: t1})
	if same[0].Since != t0 || same[0].Reason != "GatewayStopped" {
		t.Errorf("an unchanged status must keep its time and take the new reason: %+v", same[0])
	}
	flipped := SetCondition(same, Condition{Type: "Ready", Status: True, Reason: "Serving", Since: t1})
	if flipped[0].Since != t1 || len(flipped) != 1 {
		t.Errorf("a changed status must take the new time: %+v", flipped)
	}
	if first[0].Reason != "BrokerStopped" {
		t.Error("SetCondition changed its argument")
	}
	status := PSCStatus{ObservedGeneration: Generation{1, 2}, Conditions: flipped}
	if !status.Ready(Generation{1, 2}) || status.Ready(Generation{1, 3}) {
		t.Error("ready for the wrong generation")
	}
}

func TestErrors(t *testing.T) {
	foreign := errors.New("disk I/O error at /secret/path")
	if ErrorCode(foreign) != Internal || ErrorMessage(foreign) == foreign.Error() {
		t.Error("a foreign error's text reached the user")
	}
	wrapped := fmt.Errorf("creating: %w", InvalidField("/spec/display_name", "too long"))
	if ErrorCode(wrapped) != Invalid || ErrorMessage(wrapped) != "too long" {
		t.Errorf("a wrapped error lost its code: %s, %s", ErrorCode(wrapped), ErrorMessage(wrapped))
	}
	if ErrorCode(nil) != "" || ErrorMessage(nil) != "" {
		t.Error("no error has a code")
	}
}

func TestCheckDisplayName(t *testing.T) {
	for name, ok := range map[string]bool{"orders": true, "Größe 7": true, "": false, "a\x00b": false, "\xff": false, "line\nbreak": false} {
		if err := CheckDisplayName("/display_name", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
