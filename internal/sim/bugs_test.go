package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/sim"
)

// These have this test binary run one simulation, or one script, and say how it ended, instead of its tests.
const (
	seedVariable   = "ORRERY_SIM_SEED"
	scriptVariable = "ORRERY_SIM_SCRIPT"
)

func TestMain(m *testing.M) {
	if seed, err := strconv.ParseUint(os.Getenv(seedVariable), 10, 64); err == nil {
		os.Exit(one(seed))
	}
	if file := os.Getenv(scriptVariable); file != "" {
		os.Exit(oneScript(file))
	}
	os.Exit(m.Run())
}

// one runs the simulation that looks for deliberate bugs. Its status is foundStatus where an invariant failed and the
// script that is made of it fails in the same way, 0 where none did, and else 1.
func one(seed uint64) int {
	var found *sim.Failure
	began := time.Now()
	ctx := context.Background()
	switch _, err := sim.Run(ctx, bugHunt(seed)); {
	case err == nil:
		return 0
	case !errors.As(err, &found):
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%v, found in %v\n", found, time.Since(began).Round(time.Millisecond))
	bounded, cancel := context.WithTimeout(ctx, minimising)
	defer cancel()
	script, smallest, err := sim.Minimise(bounded, bugHunt(seed), found)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(script)
	if _, again := sim.RunScript(ctx, script, nil); again == nil || again.Error() != smallest.Error() {
		fmt.Printf("as a script it ends in %v instead of %v\n", again, smallest)
		return 1
	}
	return foundStatus
}

// oneScript is one for a script.
func oneScript(file string) int {
	script, err := os.ReadFile(file)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var found *sim.Failure
	switch _, err := sim.RunScript(context.Background(), string(script), nil); {
	case err == nil:
		return 0
	case !errors.As(err, &found):
		fmt.Println(err)
		return 1
	}
	fmt.Println(found)
	return foundStatus
}

// minimising bounds how long a failure is made smaller.
const minimising = 3 * time.Second

const foundStatus = 3

// bugHunt is the simulation in which each of the deliberate bugs must be found, and none without one.
func bugHunt(seed uint64) sim.Config {
	return sim.Config{Seed: seed, Satellites: 4, Physical: 14, Logical: 50, Days: 4, Events: 300}
}

// bug is a deliberate one: a change of the source, kept in testdata/bugs, and the seed or the script that finds it.
type bug struct {
	name, what, file string
	variable, value  string
	before, after    string
}

func readBug(t *testing.T, file string) bug {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, one := strings.Cut(string(text), "---- instead of\n")
	before, after, two := strings.Cut(rest, "---- there is\n")
	if !one || !two {
		t.Fatalf("%s has not both halves", file)
	}
	b := bug{name: strings.TrimSuffix(filepath.Base(file), ".txt"), before: strings.TrimSuffix(before, "\n"), after: strings.TrimSuffix(after, "\n")}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "what":
			b.what = value
		case "file":
			b.file = value
		case "seed":
			b.variable, b.value = seedVariable, value
		case "script":
			b.variable, b.value = scriptVariable, filepath.Join("testdata", value)
		default:
			t.Fatalf("%s: %q is not a line of a bug's head", file, line)
		}
	}
	return b
}

// build builds this test's binary with the bug in it, and leaves the source as it is.
func (b bug) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path, err := filepath.Abs(filepath.Join("../..", b.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), b.before); n != 1 {
		t.Fatalf("what the bug %s replaces is %d times in %s; bring testdata/bugs up to date", b.name, n, b.file)
	}
	changed, overlay, binary := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	mapping, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{changed: strings.Replace(string(source), b.before, b.after, 1), overlay: string(mapping)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("with the bug %s it does not build: %v\n%s", b.name, err, said)
	}
	return binary
}

// found runs the simulation in which the bug is found and reports whether it failed on an invariant, and what it said.
func (b bug) found(t *testing.T, binary string) (bool, string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary)
	command.Env = append(os.Environ(), b.variable+"="+b.value)
	said, err := command.CombinedOutput()
	var status *exec.ExitError
	if err != nil && (!errors.As(err, &status) || status.ExitCode() != foundStatus) {
		t.Fatalf("%v\n%s", err, said)
	}
	return err != nil, string(said)
}

// quickBugs are looked for in every make test, the others only in make soak.
var quickBugs = map[string]bool{"one-gateway": true, "early-tombstone": true, "restart-before-in-sync": true}

// Each deliberate bug is found with its seed or script; with the same one and no bug nothing is found.
func TestDeliberateBugs(t *testing.T) {
	files, err := filepath.Glob("testdata/bugs/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d deliberate bugs, %v", len(files), err)
	}
	for _, file := range files {
		b := readBug(t, file)
		t.Run(b.name, func(t *testing.T) {
			if os.Getenv("ORRERY_SOAK") == "" && !quickBugs[b.name] {
				t.Skip("it is looked for with ORRERY_SOAK=1: make soak ARGS='-only sim'")
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			if bad, said := b.found(t, self); bad {
				t.Errorf("without the bug, %s fails: %s", b.value, said)
			}
			caught, said := b.found(t, b.build(t))
			if !caught {
				t.Errorf("%s, and %s does not find it", b.what, b.value)
			}
			t.Log(said)
		})
	}
}
