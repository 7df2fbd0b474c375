package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestClientConfig pastes what `orrery kafka client-config python` prints into a file and runs it: the program is
// complete, down to the key that `api-key create --save` kept.
func TestClientConfig(t *testing.T) {
	const python = "../../.cache/python/bin/python"
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the Python with confluent-kafka is missing (%v): `make clients` installs it", err)
	}
	s := start(t, t.TempDir())
	s.cli("kafka", "cluster", "create", "pasted")
	s.cli("api-key", "create", "--resource", "pasted", "--save")
	s.cli("kafka", "topic", "create", "greetings")
	program := filepath.Join(t.TempDir(), "hello.py")
	if err := os.WriteFile(program, []byte(s.cli("kafka", "client-config", "python", "--topic", "greetings")), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, program).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "read: hello") {
		t.Errorf("%v\n%s", err, out)
	}
}

// cli runs the program against the server, as a user whose home is the data directory, and returns what it prints.
func (s *server) cli(arguments ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	command := exec.CommandContext(ctx, binary, arguments...)
	command.Env = append(cleanEnvironment(), "HOME="+s.dir, "XDG_CONFIG_HOME="+filepath.Join(s.dir, "config"))
	for name, value := range s.env {
		command.Env = append(command.Env, name+"="+value)
	}
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("orrery %s: %v\n%s%s", strings.Join(arguments, " "), err, out, problems.String())
	}
	return string(out)
}
