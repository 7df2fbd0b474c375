// Command soak runs what is too long for make test, one part after another, and writes which parts passed, with the
// machine and the commit, to a section of docs/measured.md. A part that fails does not keep the others from running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// part is one command, run in the repository with ORRERY_SOAK=1; its words are separated by spaces.
type part struct {
	name, what string
	command    string
}

// parts are run in this order; to add one, add a line.
var parts = []part{
	{"isolation", "two hostile tenants and every deliberate bug, on both engines", "go test -count=1 -timeout 90m -run Isolation|Deliberate|Hostile|Stolen ./internal/gateway"},
	{"failure", "brokers that end, stop or answer half, ten times on both engines", "go test -count=10 -timeout 60m -run BrokerFailure|Transactions ./internal/gateway"},
	{"revocation", "500 keys deleted while connected to three brokers; 10,000 handshakes while certificates and their authority are replaced", "go test -count=1 -timeout 30m -v -run TestRevocation|CertificatesAreRenewedUnderLoad ./internal/gateway"},
	{"conformance", "franz-go's own tests, whole, directly and through gateways, on both engines", "make conformance"},
	{"matrix", "one scenario with every Kafka client, on both engines", "make matrix"},
	{"quota", "quotas against Apache Kafka's and in simulation, what tenants get of theirs, and hostile neighbours", "make quota"},
	{"sim", "the simulation of the control plane: 1,000 seeds, and every deliberate bug", "go test -count=1 -timeout 120m ./internal/sim"},
	{"login", "slow clients, TLS garbage, half-open connections and logins with every field changed", "go test -count=3 -timeout 60m -run SlowLogins|TLSGarbage|HalfOpen|FailedLogins|AttemptsOfAn|Hostile(SCRAM|Tokens) ./internal/gateway"},
	{"substrate", "Apache Kafka as processes: every broker stopped in turn, all at once, storage lost, brokers that come and go", "go test -count=1 -timeout 30m -v -run TestConformance ./internal/substrate/process"},
	{"faults", "the platform on Apache Kafka broken in every way and in 50 random rounds, under a load that checks each record", "go test -count=1 -timeout 240m -v -run TestPlatform ./test/fault -out ../../docs/measured.md"},
	{"network", "the network between three brokers and their clients broken in every way, under the same load", "go test -count=1 -timeout 60m -v -run TestNetworkFaults|TestGatewaysAndBrokers ./test/fault"},
	{"cycles", "50 clusters of three brokers created and deleted", "go test -count=1 -timeout 120m -v -run TestCycles ./test/fault -out ../../docs/measured.md"},
	{"scale", "many connections and many tenants, on both engines", "go run ./test/scale -out docs/measured.md"},
}

func main() {
	out := flag.String("out", "docs/measured.md", "the file with the section to write, where all parts are run")
	only := flag.String("only", "", "the parts to run, separated by commas; empty is all of them")
	logs := flag.String("logs", ".cache/soak", "the directory for what each part says")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *only, *logs, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, only, logs string, progress io.Writer) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	var rows [][]string
	var failed []error
	for n, p := range chosen {
		fmt.Fprintf(progress, "%s [%d/%d] %s: %s\n", time.Now().Format("15:04:05"), n+1, len(chosen), p.name, p.what)
		began := time.Now()
		log := filepath.Join(logs, p.name+".log")
		result := "passed"
		if err := p.run(ctx, log); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			result = "failed"
			failed = append(failed, fmt.Errorf("%s: %w; see %s", p.name, err, log))
		}
		took := time.Since(began).Round(time.Second)
		fmt.Fprintf(progress, "%s [%d/%d] %s %s after %v\n", time.Now().Format("15:04:05"), n+1, len(chosen), p.name, result, took)
		rows = append(rows, []string{p.name, p.what, result, took.String(), "`ORRERY_SOAK=1 " + strings.ReplaceAll(p.command, "|", `\|`) + "`"})
	}
	table := measured.Table([]string{"part", "what", "result", "took", "command"}, rows)
	fmt.Fprint(progress, "\n"+table)
	if only == "" {
		if err := measured.Write(out, "Soak", "\n"+table); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// choose returns the parts with the names in only, in their own order.
func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(only, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []part
	for _, p := range parts {
		if wanted[p.name] {
			chosen = append(chosen, p)
			delete(wanted, p.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("there is no part %q", name)
	}
	return chosen, nil
}

// run runs the command, whose output goes to a file.
func (p part) run(ctx context.Context, log string) (err error) {
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	arguments := strings.Fields(p.command)
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Env = append(os.Environ(), "ORRERY_SOAK=1")
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what the command started ends with it
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = time.Minute
	return command.Run()
}
