package gateway

import (
	"context"
	"errors"
	"testing"
)

// A tenant that has its part of a budget waits for its own, while others reserve.
func TestBudgetHasAPartForEachTenant(t *testing.T) {
	whole := newBudget(100)
	one, other := whole.part(), whole.part()
	first, err := whole.reserve(t.Context(), one, 20)
	if err != nil {
		t.Fatal(err)
	}
	errGone := errors.New("the connection has ended")
	gone, end := context.WithCancelCause(t.Context())
	end(errGone)
	if _, err := whole.reserve(gone, one, 6); !errors.Is(err, errGone) {
		t.Errorf("more than its part: %v", err)
	}
	second, err := whole.reserve(t.Context(), other, 25)
	if err != nil {
		t.Errorf("another tenant: %v", err)
	}
	first.release()
	alone, err := whole.reserve(t.Context(), one, 60)
	if err != nil {
		t.Errorf("more than its part at once, alone: %v", err)
	}
	if _, err := whole.reserve(gone, one, 1); !errors.Is(err, errGone) {
		t.Errorf("beside what takes all of its part: %v", err)
	}
	if _, err := whole.reserve(gone, whole.part(), 16); !errors.Is(err, errGone) {
		t.Errorf("more than is left for all: %v", err)
	}
	alone.release()
	second.release()
	if all, err := whole.reserve(t.Context(), other, 1000); err != nil || all.inAll != 100 || all.ofOwner != 25 {
		t.Errorf("more than there is: %+v, %v", all, err)
	}
	reservation{}.release() // none
}
