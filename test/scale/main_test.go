package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The gateways of the test are this program, too.
func TestMain(m *testing.M) {
	if isChild() {
		exit("gateway", serveGateway())
	}
	os.Exit(m.Run())
}

// A small run finds no leak and a row for everything.
func TestSmall(t *testing.T) {
	small := sizes{connections: 60, churn: time.Second, embedded: 30, state: 100, rounds: 1, warming: 1, requests: 20}
	var report string
	err := measure(t.Context(), small, "", t.Output(), func(part, text string) error {
		report += part + "\n" + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"60 idle connections", "after a churn", "tenants: 100", "30 tenants"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report has no %q:\n%s", want, report)
		}
	}
	for _, k := range kinds {
		if !strings.Contains(report, "| "+k.name+" |") {
			t.Errorf("the report has no row for %s", k.name)
		}
	}
}
