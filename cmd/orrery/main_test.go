package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain lets scripts run the program of this test binary as "orrery".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"orrery": func() { os.Exit(runProcess()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: *update, Setup: ownHome})
}

// ownHome gives a script a home directory that goes with it.
func ownHome(e *testscript.Env) error {
	e.Setenv("HOME", e.WorkDir)
	return nil
}

// outcome is what one invocation did.
type outcome struct {
	stdout, stderr string
	code           int
}

// invoke runs the program in this process, with an environment of its own.
func invoke(t *testing.T, environ []string, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := newProgram(environ, strings.NewReader(stdin), &stdout, &stderr)
	code := p.run(t.Context(), args)
	return outcome{stdout.String(), stderr.String(), code}
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with go test ./cmd/orrery -update)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs (write it anew with go test ./cmd/orrery -update):\n--- got\n%s--- want\n%s", path, got, want)
	}
}
