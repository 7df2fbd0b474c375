package speed

import (
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{7, 7, 1, 100, 7}, 7}} {
		if got := median(c.values); got != c.want {
			t.Errorf("the median of %v is %v instead of %v", c.values, got, c.want)
		}
	}
}

// Each round's ratio is of neighbours, and the median is of the ratios: 1.5, 0.5 and 2 here.
func TestComparisonIsOfNeighbours(t *testing.T) {
	m := measurement{loadProduce: {
		pathGateway: {moved(2*time.Second, 3*time.Second), moved(4*time.Second, time.Second), moved(time.Second, 2*time.Second)},
		pathOwn:     {moved(3*time.Second, 2*time.Second), moved(2*time.Second, 2*time.Second), moved(2*time.Second, time.Second)},
	}}
	for _, c := range comparisons()[:2] {
		got := strings.Join(c.row(m), "|")
		want := "produce|SASL_SSL|throughput|at least 1|1.50|0.50 to 2.00|yes"
		if c.what == "server CPU per GiB" {
			want = "produce|SASL_SSL|server CPU per GiB|at most 1|1.50|0.50 to 2.00|no"
		}
		if got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
}

func TestGatewayAloneAgainstRelayAlone(t *testing.T) {
	g, r := moved(time.Second, time.Second), moved(time.Second, 9*time.Second)
	g.front, r.front = 1050*time.Millisecond, time.Second
	m := measurement{loadProduce: {pathGateway: {g}, pathRelay: {r}}}
	if got, want := strings.Join(comparisons()[2].row(m), "|"), "produce|relay|CPU per GiB, gateway alone to relay alone|at most 1.1|1.05|1.05 to 1.05|yes"; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}

func TestVerdictOfABusyMachineIsInParentheses(t *testing.T) {
	g, o := moved(time.Second, time.Second), moved(2*time.Second, time.Second)
	o.others = 0.5
	m := measurement{loadProduce: {pathGateway: {g}, pathOwn: {o}}}
	if row := comparisons()[0].row(m); row[len(row)-1] != "(yes)" {
		t.Errorf("%q", row)
	}
}

func TestMachineLoadSaysWhenItWasBusy(t *testing.T) {
	quiet, noisy := sample{others: 0.02}, sample{others: 0.3}
	m := measurement{loadProduce: {pathGateway: {quiet, quiet}}}
	if got := m.machineLoad(); !strings.Contains(got, "was idle") || !strings.Contains(got, "at most 2 %") {
		t.Error(got)
	}
	m[loadFetch] = map[string][]sample{pathOwn: {noisy}}
	if got := m.machineLoad(); !strings.Contains(got, "was not idle") || !strings.Contains(got, "at most 30 %") {
		t.Error(got)
	}
}

// moved is a run that moved one GiB in a time, with CPU time of the broker.
func moved(took, broker time.Duration) sample {
	return sample{Result: job.Result{Took: took}, bytes: 1 << 30, broker: broker}
}
