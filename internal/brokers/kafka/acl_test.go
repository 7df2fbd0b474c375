package kafka_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/brokers"
	"github.com/orrery-kafka/orrery/internal/brokers/kafka"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// allowed are the ACLs of a cluster, as one line each.
func allowed(t *testing.T, admin *kadm.Client) map[string]bool {
	t.Helper()
	filter := kadm.NewACLs().AnyResource().Operations(kadm.OpAny).Allow().AllowHosts().Deny().DenyHosts().ResourcePatternType(kadm.ACLPatternAny)
	described, err := admin.DescribeACLs(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, results := range described {
		for _, a := range results.Described {
			lines[fmt.Sprintf("%s %v %v %s:%s %v %s", a.Principal, a.Permission, a.Operation, a.Type, a.Name, a.Pattern, a.Host)] = true
		}
	}
	return lines
}

func TestPrincipalsAreAllowedWhatTheyNeed(t *testing.T) {
	e := start(t, 3)
	open := func(tenants, gateways string) brokers.Cluster {
		c, err := kafka.Open("pkc-1", brokers.Access{Seeds: e.ListenAddrs(), Tenants: tenants, Gateways: gateways}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if err := c.PrepareStateTopics(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	open("", "")
	admin := e.admin(t)
	if got := allowed(t, admin); len(got) != 0 {
		t.Errorf("without principals there are %v", slices.Sorted(maps.Keys(got)))
	}
	c := open("User:tenants", "User:gateway")
	want := map[string]bool{}
	for principal, acls := range map[string][]tenancy.PrincipalACL{"User:tenants": tenancy.TenantsACLs(), "User:gateway": tenancy.GatewayACLs()} {
		for _, a := range acls {
			pattern := "LITERAL"
			if a.Prefixed {
				pattern = "PREFIXED"
			}
			for _, operation := range a.Operations {
				want[fmt.Sprintf("%s ALLOW %v %v:%s %s *", principal, operation, a.Resource, a.Name, pattern)] = true
			}
		}
	}
	if got := allowed(t, admin); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	// Only what is missing is created, and nothing where nothing is.
	created := make(chan int, 100)
	e.ControlKey(kmsg.CreateACLs.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		e.KeepControl()
		created <- len(request.(*kmsg.CreateACLsRequest).Creations)
		return nil, nil, false
	})
	if _, err := admin.DeleteACLs(t.Context(), kadm.NewACLs().Topics("lkc-").Allow("User:tenants").AllowHosts("*").
		Operations(kadm.OpRead, kadm.OpWrite).ResourcePatternType(kadm.ACLPatternPrefixed)); err != nil {
		t.Fatal(err)
	}
	if got := allowed(t, admin); len(got) != len(want)-2 {
		t.Fatalf("%d of %d are left", len(got), len(want))
	}
	for range 3 {
		if err := c.PrepareStateTopics(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := allowed(t, admin); !cmp.Equal(got, want) || len(created) != 1 || <-created != 2 {
		t.Errorf("what was missing was not created in one request: %s", cmp.Diff(want, got))
	}
}
