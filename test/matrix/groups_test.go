package main

import (
	"context"
	"sync"
	"testing"
)

// TestJavaGroups runs the groups that only the newest Java client has, in front of Apache Kafka, which is the only
// engine with all of them: two tenants with the same names at once.
func TestJavaGroups(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs Apache Kafka and what make clients fetches")
	}
	c := client{name: "streams", command: java("java-streams", "streams/Groups.java"), install: "make clients"}
	if err := c.installed("../.."); err != nil {
		t.Fatal(err)
	}
	a := startApache(t, 1)
	pair, _, err := a.tenants(t.Context(), c.name)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for i, tag := range []string{"first", "second"} {
		running.Go(func() { expectGroups(t, c, pair[i], tag) })
	}
	running.Wait()
}

func expectGroups(t *testing.T, c client, tenant target, tag string) {
	r, err := c.run(context.Background(), "../..", tenant, tag, 60)
	if err != nil {
		t.Errorf("%s: %v", tag, err)
		return
	}
	for _, step := range []string{"share-group", "streams-group"} {
		if got := r.Steps[step]; got.Result != "ok" {
			t.Errorf("%s: %s is %q: %s", tag, step, got.Result, got.Detail)
		}
	}
	if r.Cluster != tenant.Cluster {
		t.Errorf("%s was told the cluster id %q, want %q", tag, r.Cluster, tenant.Cluster)
	}
}
