package tenancy

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
)

func TestPrefix(t *testing.T) {
	p := PrefixOf("lkc-abc123")
	if p != "lkc-abc123_" {
		t.Fatalf("prefix = %q", p)
	}
	for _, name := range []string{"orders", "", ".", "__consumer_offsets", "_orrery_tenants", "lkc-zzz999_orders", "lkc-abc123_orders"} {
		physical := p.Physical(name)
		if !p.Owns(physical) {
			t.Errorf("%q is not owned", physical)
		}
		if logical, ok := p.Logical(physical); !ok || logical != name {
			t.Errorf("%q came back as %q, %v", name, logical, ok)
		}
	}
	for _, foreign := range []string{"lkc-abc124_orders", "lkc-abc12_", "_orrery_tenants", "", "lkc-abc123", "lkc-abc123-orders"} {
		if logical, ok := p.Logical(foreign); ok {
			t.Errorf("%q was taken for the tenant's %q", foreign, logical)
		}
	}
}

// Without the cut, a name of 32,767 bytes would get a physical length that reads as negative: null, and then the
// rest of the name as fields of the request.
func TestPhysicalNeverOutgrowsTheProtocol(t *testing.T) {
	p := PrefixOf("lkc-abc123")
	for _, length := range []int{maxString - len(p) - 1, maxString - len(p), maxString - len(p) + 1, maxString, 1 << 20} {
		physical := p.Physical(strings.Repeat("x", length))
		if len(physical) > maxString {
			t.Errorf("a name of %d bytes became one of %d", length, len(physical))
		}
		if len(physical) != min(length+len(p), maxString) {
			t.Errorf("a name of %d bytes became one of %d", length, len(physical))
		}
	}
}

func TestNoPrefixBeginsWithAnother(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	var prefixes []Prefix
	for range 200 {
		id, err := orrery.NewID(random, orrery.PrefixLogicalKafka)
		if err != nil {
			t.Fatal(err)
		}
		prefixes = append(prefixes, PrefixOf(id), PrefixOf(id[:len(id)-1]))
	}
	for i, a := range prefixes {
		for j, b := range prefixes {
			if i != j && a != b && strings.HasPrefix(string(a), string(b)) {
				t.Errorf("%q begins with %q", a, b)
			}
		}
	}
}

func TestCheckTopic(t *testing.T) {
	p := PrefixOf("lkc-abc123")
	longest := strings.Repeat("x", p.MaxTopicLength())
	if len(p.Physical(longest)) != maxTopicName {
		t.Errorf("the longest name has %d bytes on the broker", len(p.Physical(longest)))
	}
	for _, good := range []string{"a", "orders.v1", "Orders_2-x", "...", "__consumer_offsets", longest} {
		if err := p.CheckTopic(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a b", "a/b", "é", "a\x00", "a*", longest + "x"} {
		if err := p.CheckTopic(bad); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheckIDs(t *testing.T) {
	p := PrefixOf("lkc-abc123")
	longest := strings.Repeat("x", maxID)
	for _, check := range []func(string) error{p.CheckGroup, p.CheckTransactionalID} {
		for _, good := range []string{"g", "any character: /é\x00", longest} {
			if err := check(good); err != nil {
				t.Error(err)
			}
		}
		for _, bad := range []string{"", longest + "x"} {
			if err := check(bad); orrery.ErrorCode(err) != orrery.Invalid {
				t.Errorf("%d bytes: %v", len(bad), err)
			}
		}
	}
}

func FuzzPrefix(f *testing.F) {
	f.Add("orders")
	f.Add("lkc-abc123_")
	f.Fuzz(func(t *testing.T, name string) {
		p, other := PrefixOf("lkc-abc123"), PrefixOf("lkc-zzz999")
		physical := p.Physical(name)
		if other.Owns(physical) || !p.Owns(physical) || len(physical) > maxString {
			t.Errorf("%q became %q", name, physical)
		}
	})
}

func TestErrorText(t *testing.T) {
	p := PrefixOf("lkc-abc123")
	const hidden = "The broker refused the request."
	for _, c := range []struct{ in, out string }{
		{"", ""},
		{"Topic 'lkc-abc123_orders' already exists.", "Topic 'orders' already exists."},
		{"lkc-abc123_a collides with lkc-abc123_b", "a collides with b"},
		{"Topic 'lkc-zzz999_orders' collides.", hidden},
		{"lkc-abc1234_x", hidden},
		{"lkc-abc123_x and lkc-abc12_y", hidden},
		{"not allowed on _orrery_tenants", hidden},
		{"the cluster lkc-abc123 is full", "the cluster lkc-abc123 is full"},
		{"lkc- lkc-_ done", "lkc- lkc-_ done"},
		{strings.Repeat("é", 600), strings.Repeat("é", 512)},
	} {
		if out := p.ErrorText(c.in); out != c.out {
			t.Errorf("%q became %q, not %q", c.in, out, c.out)
		}
	}
}

func FuzzErrorText(f *testing.F) {
	f.Add("Topic 'lkc-zzz999_orders' already exists, as lkc-abc123_orders does")
	f.Add("lkc-lkc-abc123_zzz999_x")
	f.Fuzz(func(t *testing.T, text string) {
		out := PrefixOf("lkc-abc123").ErrorText(text)
		if strings.Contains(out, "lkc-zzz999_") || strings.Contains(out, platformPrefix) {
			t.Errorf("%q became %q", text, out)
		}
		if len(out) > maxErrorText {
			t.Errorf("%d bytes became %d", len(text), len(out))
		}
	})
}
