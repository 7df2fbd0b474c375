package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	module   = "github.com/twmb/franz-go"
	kgoTests = module + "/pkg/kgo"
	// killAfter is what the tests get beyond their own timeout, to say where they hang.
	killAfter = time.Minute
	// again is how often tests that failed without a gateway are run again.
	again = 2
)

// suite is kgo's tests, built.
type suite struct {
	binary string
	dir    string // the package's, where tests run
	// version is franz-go's.
	version string
}

// build builds kgo's tests as they are in the module that this repository uses, with the modules that it uses.
func build(t *testing.T) suite {
	t.Helper()
	s := suite{binary: filepath.Join(t.TempDir(), "kgo.test")}
	s.dir = command(t, "go", "list", "-f", "{{.Dir}}", kgoTests)
	s.version = command(t, "go", "list", "-m", "-f", "{{.Version}}", module)
	command(t, "go", "test", "-c", "-o", s.binary, kgoTests)
	return s
}

func command(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	var failure bytes.Buffer
	c := exec.CommandContext(t.Context(), name, arguments...)
	c.Stderr = &failure
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", c, err, &failure)
	}
	return strings.TrimSpace(string(out))
}

// form is how much of the suite runs.
type form struct {
	// run and skip choose tests, as for go test; an empty one means all, or none.
	run, skip string
	// records is how many go through each chain of consumers and producers.
	records int
	// partitions is the most that a topic gets; 0 leaves that to the tests, whose most is 31.
	partitions int
	// timeout ends tests that hang.
	timeout time.Duration
}

// target is what the suite runs against: a name, and the environment that kgo's tests know.
type target struct {
	name        string
	environment []string
}

// outcome is how a test ended (pass, fail or skip; "" if it did not end), and what it printed.
type outcome struct{ result, output string }

// outcomes are those of a run, by the name of the test or subtest.
type outcomes map[string]outcome

// attempt is a run of the suite.
type attempt struct {
	outcomes outcomes
	took     time.Duration
}

// add takes in a run of other tests.
func (a *attempt) add(more attempt) {
	maps.Copy(a.outcomes, more.outcomes)
	a.took += more.took
}

// on runs the suite against a target. What the tests print, and the log of their clients, goes to a file in logs.
func (s suite) on(t *testing.T, to target, f form, logs string) attempt {
	t.Helper()
	began := time.Now()
	all, err := s.start(t.Context(), to, f, logs)
	if err != nil {
		t.Errorf("%s: %v", to.name, err)
	}
	return attempt{all, time.Since(began)}
}

// steady is on for the way that the other one is held against: where a test fails without a gateway, the machine is too
// busy for it or the test is not steady, and the gateway would be held against nothing. So it is run again, and named;
// one that hangs, too.
func (s suite) steady(t *testing.T, to target, f form, logs string) (a attempt, unsteady []string) {
	t.Helper()
	began := time.Now()
	all, err := s.start(t.Context(), to, f, logs)
	a = attempt{all, time.Since(began)}
	if err != nil && len(all.failed()) == 0 {
		t.Errorf("%s: %v", to.name, err)
	}
	for range again {
		failed := a.outcomes.failed()
		if len(failed) == 0 {
			break
		}
		for _, name := range failed {
			unsteady = append(unsteady, name+": "+said(a.outcomes[name].output))
		}
		f.run, to.name = "^("+strings.Join(failed, "|")+")$", to.name+"-again"
		a.add(s.on(t, to, f, logs))
	}
	return a, unsteady
}

func (s suite) start(ctx context.Context, to target, f form, logs string) (outcomes, error) {
	all := outcomes{}
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout+killAfter, errors.New("the tests outlived their timeout"))
	defer cancel()
	log, err := os.Create(filepath.Join(logs, to.name+".log"))
	if err != nil {
		return all, err
	}
	defer log.Close()
	tests := exec.CommandContext(ctx, s.binary,
		"-test.v=test2json", "-test.timeout="+f.timeout.String(), "-test.run="+f.run, "-test.skip="+f.skip)
	tests.Dir, tests.Stderr = s.dir, log
	tests.Env = append(os.Environ(), append(to.environment, "KGO_TEST_RECORDS="+strconv.Itoa(f.records))...)
	if f.partitions > 0 {
		tests.Env = append(tests.Env, "KGO_TEST_MAX_TOPIC_PARTS="+strconv.Itoa(f.partitions))
	}
	printed, err := tests.StdoutPipe()
	if err != nil {
		return all, err
	}
	converter := exec.CommandContext(ctx, "go", "tool", "test2json")
	converter.Stdin = io.TeeReader(printed, log)
	events, err := converter.StdoutPipe()
	if err != nil {
		return all, err
	}
	if err := tests.Start(); err != nil {
		return all, err
	}
	if err := converter.Start(); err != nil {
		cancel()
		return all, errors.Join(err, tests.Wait())
	}
	err = errors.Join(all.read(events), converter.Wait())
	// Tests that fail are outcomes; tests that end before their time are not.
	if ended := tests.Wait(); ended != nil && !(tests.ProcessState.ExitCode() == 1 && all.count("fail") > 0) {
		err = errors.Join(err, ended, context.Cause(ctx))
	}
	return all, err
}

// failed are the tests that failed or did not end, without their subtests, in the order of their names.
func (all outcomes) failed() (names []string) {
	for name, o := range all {
		if (o.result == "fail" || o.result == "") && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// read reads the events of test2json.
func (all outcomes) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &event); err != nil {
			return fmt.Errorf("an event is %q: %w", line, err)
		}
		if event.Test == "" {
			continue
		}
		o := all[event.Test]
		switch event.Action {
		case "pass", "fail", "skip":
			o.result = event.Action
		case "output":
			o.output += event.Output
		}
		all[event.Test] = o
	}
}

func (all outcomes) count(result string) (n int) {
	for _, o := range all {
		if o.result == result {
			n++
		}
	}
	return n
}
