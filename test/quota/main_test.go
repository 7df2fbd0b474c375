package main

import (
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// brief measures the same in seconds: every client in one direction, and each storm once.
var brief = sizes{
	groups: []group{{5 * megabyte, []cell{
		{franz, job.Write, small}, {librd, job.Read, small}, {java, job.Write, large},
	}}},
	window: 3 * time.Second, control: time.Second, readable: 16 * megabyte, neighbour: time.Second,
}

// Tenants are held to their quotas whatever their clients, and no storm keeps a neighbour from being served.
func TestShort(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts Apache Kafka and builds programs")
	}
	var report string
	err := measure(t.Context(), brief, "../..", "", t.Output(), func(heading, text string) error {
		report += heading + "\n" + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range brief.groups {
		for _, c := range g.cells {
			if !strings.Contains(report, "| "+c.client+" | "+string(c.kind)+" | "+size(c.batch)+" |") {
				t.Errorf("the report has no row for %s:\n%s", c, report)
			}
		}
	}
	for _, s := range storms {
		if !strings.Contains(report, "| "+string(s.Kind)+" |") {
			t.Errorf("the report has no row for %s:\n%s", s.Kind, report)
		}
	}
}
