package wire

import (
	"testing"

	"github.com/orrery-kafka/orrery"
)

// TestCodes: every code has a status, and client and server agree on it.
func TestCodes(t *testing.T) {
	for _, code := range []orrery.Code{
		orrery.Invalid, orrery.Unauthenticated, orrery.Forbidden, orrery.NotFound, orrery.Conflict, orrery.LimitExceeded,
		orrery.TooManyRequests, orrery.Unavailable, orrery.UnsupportedValue, orrery.Internal,
	} {
		status, title := StatusOf(code)
		if title == "" || CodeOf(string(code), status) != code {
			t.Errorf("%s is %d %q, which is %s", code, status, title, CodeOf(string(code), status))
		}
		if byStatus := CodeOf("", status); byStatus != code && code != orrery.UnsupportedValue {
			t.Errorf("%d alone means %s, not %s", status, byStatus, code)
		}
	}
	for status, code := range map[int]orrery.Code{400: orrery.Invalid, 405: orrery.Invalid, 502: orrery.Unavailable, 504: orrery.Unavailable, 599: orrery.Internal, 302: orrery.Internal} {
		if got := CodeOf("foreign", status); got != code {
			t.Errorf("%d of a stranger is %s, want %s", status, got, code)
		}
	}
	if status, _ := StatusOf("new"); status != 500 {
		t.Errorf("an unknown code is %d", status)
	}
}

func TestReferences(t *testing.T) {
	for id, set := range map[string]bool{"": false, "_": false, "-": false, "env-1": true} {
		if r := (&Reference{ID: id}); r.IsSet() != set {
			t.Errorf("a reference to %q: IsSet is %t", id, !set)
		}
	}
	for id, cloud := range map[string]bool{"": true, "_": true, "cloud": true, "CLOUD": true, "lkc-1": false} {
		if r := (&Reference{ID: id}); r.IsCloud() != cloud {
			t.Errorf("a reference to %q: IsCloud is %t", id, !cloud)
		}
	}
	var absent *Reference
	if absent.IsSet() || !absent.IsCloud() {
		t.Error("an absent reference names nothing, and so the cloud")
	}
}
