package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAuditLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	a, err := openAuditLog(path)
	if err != nil {
		t.Fatal(err)
	}
	a.most = 1000
	line := append(bytes.Repeat([]byte{'x'}, 99), '\n')
	for i := range 95 {
		if i == 50 { // it goes on where it was
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if a, err = openAuditLog(path); err != nil {
				t.Fatal(err)
			}
			a.most = 1000
		}
		if _, err := a.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{path: 500, path + ".1": 1000} {
		content, err := os.ReadFile(name)
		if err != nil || len(content) != want {
			t.Errorf("%s has %d bytes, want %d (%v)", name, len(content), want, err)
		}
	}
}
