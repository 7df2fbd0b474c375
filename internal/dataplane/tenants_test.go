package dataplane

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// TestOtherBrokersAreFound: a gateway is told where its own broker is, and asks that one for the others.
func TestOtherBrokersAreFound(t *testing.T) {
	const user, password = "tenants", "correct"
	engine, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	addresses := engine.ListenAddrs()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(address string) *tenants {
		ways, err := openTenants(0, process.TenantsFile{Address: address, User: user, PasswordFile: file})
		if err != nil {
			t.Fatal(err)
		}
		return ways
	}
	ways := open(addresses[0])
	for range 2 { // the second time it knows
		for node, address := range addresses {
			conn, err := ways.login.DialBroker(ways.dial)(t.Context(), int32(node))
			if err != nil {
				t.Fatal(err)
			}
			if got := conn.RemoteAddr().String(); got != address {
				t.Errorf("broker %d is at %s, and %s was dialled", node, address, got)
			}
			conn.Close()
		}
	}
	ways.others[1] = listenAnywhere(t).Addr().String()
	ways.others[2] = "127.0.0.1:1" // where it was, and nobody listens
	if conn, err := ways.dial(t.Context(), 2); err != nil || conn.RemoteAddr().String() != addresses[2] {
		t.Errorf("a broker that moved: %v", err)
	}
	if _, err := ways.dial(t.Context(), 7); !errors.Is(err, errUnknownBroker) {
		t.Errorf("a broker that there is not: %v", err)
	}
}

func TestPasswordIsKeptFromOthers(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		content string
		mode    os.FileMode
		says    string
	}{
		"open":  {"secret", 0o644, "chmod 600"},
		"empty": {"\n", 0o600, "is empty"},
		"large": {strings.Repeat("secret", 1000), 0o600, "no password"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.content), test.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readPassword(path); err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
	if _, err := readPassword(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
