// Package step is what the scenarios of the Go clients share: their arguments, and the report of their steps.
// ../../README.md says what each step does.
package step

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Deadline bounds one step.
const Deadline = 60 * time.Second

// Codecs are the compressions of Kafka's record batches, each of which has a step produce-CODEC.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Scenario is one tenant's life with one client.
type Scenario struct {
	Bootstrap, Key, Secret, CAFile, Tag string
	Records                             int // of one compression
	Produced                            int // records that were acknowledged in the topic orders

	report report
}

type report struct {
	Client  string            `json:"client"`
	Cluster string            `json:"cluster"` // the cluster id that the client was told, "" where it does not show it
	Steps   map[string]result `json:"steps"`
}

type result struct {
	Result string `json:"result"` // ok, n/a, failed
	Detail string `json:"detail,omitempty"`
}

// Parse reads the arguments BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS.
func Parse() *Scenario {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: PROGRAM BOOTSTRAP API_KEY API_SECRET CA_FILE TAG RECORDS")
		os.Exit(2)
	}
	records, err := strconv.Atoi(os.Args[6])
	if err != nil {
		fmt.Fprintln(os.Stderr, "RECORDS:", err)
		os.Exit(2)
	}
	a := os.Args
	return &Scenario{Bootstrap: a[1], Key: a[2], Secret: a[3], CAFile: a[4], Tag: a[5], Records: records, report: report{Steps: map[string]result{}}}
}

// TLS trusts the CA file alone.
func (s *Scenario) TLS() *tls.Config {
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		panic("no certificate in " + s.CAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// Do runs a step; a failed one does not end the scenario. The string is a remark for the table, mostly "".
func (s *Scenario) Do(name string, step func(context.Context) (string, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	remark, err := step(ctx)
	if err != nil {
		s.report.Steps[name] = result{"failed", err.Error()}
		return
	}
	s.report.Steps[name] = result{"ok", remark}
}

// Lacks reports steps that the client has no means for.
func (s *Scenario) Lacks(reason string, steps ...string) {
	for _, name := range steps {
		s.report.Steps[name] = result{"n/a", reason}
	}
}

// Cluster reports the cluster id that the client was told.
func (s *Scenario) Cluster(id string) { s.report.Cluster = id }

// Print writes the report as JSON. Client is its name, module the path whose version in this program is shown.
func (s *Scenario) Print(client, module, more string) {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == module {
				version = strings.TrimPrefix(d.Version, "v")
			}
		}
	}
	s.report.Client = client + " " + version + more
	if err := json.NewEncoder(os.Stdout).Encode(s.report); err != nil {
		panic(err)
	}
}

// Values are the values of the records of one step: TAG-STEP-0 and so on.
func (s *Scenario) Values(step string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%s-%s-%d", s.Tag, step, i)
	}
	return values
}

// Inbox collects the values that consumers get.
type Inbox struct {
	mu      sync.Mutex
	tag     string
	got     map[string]bool
	foreign error
}

// Inbox is a new, empty inbox of this tenant.
func (s *Scenario) Inbox() *Inbox { return &Inbox{tag: s.Tag, got: map[string]bool{}} }

// Add takes a value in.
func (in *Inbox) Add(value []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !strings.HasPrefix(string(value), in.tag+"-") {
		in.foreign = fmt.Errorf("%s got a record of another tenant: %q", in.tag, value)
	}
	in.got[string(value)] = true
}

// Wait waits until n different values came in; more, or one of another tenant, is an error.
func (in *Inbox) Wait(ctx context.Context, n int) error {
	count := func() (int, error) {
		in.mu.Lock()
		defer in.mu.Unlock()
		return len(in.got), in.foreign
	}
	err := Until(ctx, "", func() (bool, error) { got, err := count(); return got >= n, err })
	if got, foreign := count(); foreign == nil && got != n {
		return fmt.Errorf("got %d records of %d", got, n)
	}
	return err
}

// Owned is the partitions of a group's member, as its callbacks tell.
type Owned struct {
	mu         sync.Mutex
	partitions map[int32]bool
}

// Assign adds partitions; with only, everything else is taken away.
func (o *Owned) Assign(only bool, partitions ...int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if only || o.partitions == nil {
		o.partitions = map[int32]bool{}
	}
	for _, p := range partitions {
		o.partitions[p] = true
	}
}

// Revoke takes partitions away.
func (o *Owned) Revoke(partitions ...int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range partitions {
		delete(o.partitions, p)
	}
}

// List is the partitions, sorted.
func (o *Owned) List() []int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []int32{}
	for p := range o.partitions {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// WaitShared waits until the members own the n partitions together, none twice and nobody nothing.
func WaitShared(ctx context.Context, n int, members ...*Owned) error {
	what := ""
	err := Until(ctx, "", func() (bool, error) {
		all, idle := []int32{}, false
		what = ""
		for _, m := range members {
			list := m.List()
			idle = idle || len(list) == 0
			all = append(all, list...)
			what += fmt.Sprint(list)
		}
		slices.Sort(all)
		return len(all) == n && len(slices.Compact(all)) == n && !idle, nil
	})
	if err != nil {
		return fmt.Errorf("%d members share %d partitions as %s: %w", len(members), n, what, err)
	}
	return nil
}

// Until asks again and again until the answer is yes or an error, or the context ends.
func Until(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("waited in vain for " + what)
		case <-tick.C:
		}
	}
}

// Same compares names without regard to their order.
func Same(what string, got, want []string) error {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s are %q, want %q", what, got, want)
	}
	return nil
}
