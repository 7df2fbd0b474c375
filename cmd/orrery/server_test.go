package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orrery-kafka/orrery/embedded"
)

// patience bounds every wait of a test for something that takes as long as it takes.
const patience = time.Minute

// TestServerScripts runs scripts that need a server. They have four commands more:
//
//	serve               starts a server in $WORK/data, which the other commands then find
//	capture NAME PATH   stores a part of the last command's JSON, such as 0.id, in a variable
//	eventually ARGS...  runs orrery until it succeeds
//	shows WANT ARGS...  runs orrery until its output matches
func TestServerScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/server", UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ORRERY_WAIT_TIMEOUT", patience.String())
			return ownHome(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "capture": capture, "eventually": eventually, "shows": shows},
	})
}

func serve(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs("data")
	server, err := embedded.Open(context.Background(), embedded.Config{Dir: dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			ts.Logf("closing the server: %v", err)
		}
	})
	ts.Setenv("ORRERY_DIR", dir)
}

func capture(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATH")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for _, step := range strings.Split(args[1], ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			ts.Check(err)
			if i >= len(v) {
				ts.Fatalf("there are %d elements, and no element %d", len(v), i)
			}
			value = v[i]
		default:
			ts.Fatalf("nothing has the field %q in %v", step, v)
		}
	}
	ts.Setenv(args[0], fmt.Sprint(value))
}

func eventually(ts *testscript.TestScript, _ bool, args []string) {
	shows(ts, false, append([]string{""}, args...))
}

func shows(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	args = args[1:]
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		var stdout, stderr bytes.Buffer
		environ := []string{"HOME=" + ts.Getenv("HOME"), "ORRERY_DIR=" + ts.Getenv("ORRERY_DIR")}
		if newProgram(environ, strings.NewReader(""), &stdout, &stderr).run(context.Background(), args) == exitOK && want.Match(stdout.Bytes()) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("orrery %s fails for %s, or does not show %q: %s%s", strings.Join(args, " "), patience, want, stdout.String(), stderr.String())
		}
	}
}

// TestClientConfigRuns builds and runs the printed Go program against a server, as a reader of the manual does.
func TestClientConfigRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	server, err := embedded.Open(t.Context(), embedded.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	environ := []string{"HOME=" + home, "ORRERY_DIR=" + dir}
	ok := func(args ...string) string {
		t.Helper()
		got := invoke(t, environ, "", args...)
		if got.code != exitOK {
			t.Fatalf("orrery %s: %s", strings.Join(args, " "), got.stderr)
		}
		return got.stdout
	}
	ok("kafka", "cluster", "create", "demo")
	created := ok("api-key", "create", "--resource", "demo", "--save", "-o", "json")
	if strings.Contains(created, `"secret"`) {
		t.Errorf("a secret that is saved is shown as well:\n%s", created)
	}
	ok("kafka", "topic", "create", "greetings")
	program := ok("kafka", "client-config", "franz-go")
	if got := compile(t, "main.go", program, "go", "run"); got != "written: partition 0, offset 0\nread: hello\n" && !strings.HasSuffix(got, "read: hello\n") {
		t.Errorf("the program prints %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "admin.env"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin.env: %v, %v", info, err)
	}
}
