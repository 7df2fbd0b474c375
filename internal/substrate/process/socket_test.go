package process

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sockets are reached in a directory whose path is longer than the name of a socket can be.
func TestSocketInADeepDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if _, err := DialSocket(t.Context(), filepath.Join(dir, "kafka.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket that is not there: %v", err)
	}
	for range 2 { // the second one finds what a killed process leaves
		listener, err := ListenSocket("kafka.sock")
		if err != nil {
			t.Fatal(err)
		}
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
		for _, path := range []string{filepath.Join(dir, "kafka.sock"), "kafka.sock"} {
			client, err := DialSocket(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if client.Close(); server.Close() != nil {
				t.Error("the connection was not there")
			}
		}
		listener.Close()
	}
	if _, err := DialSocket(t.Context(), filepath.Join(dir, "kafka.sock")); err == nil {
		t.Error("nobody listens, and somebody answers")
	}
}

func TestListenSocketKeepsFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("kafka.sock", []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket("kafka.sock"); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file was replaced: %v", err)
	}
	if _, err := ListenSocket("/tmp/kafka.sock"); err == nil {
		t.Error("an absolute name")
	}
}
