package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSavedKeyIsPrivate(t *testing.T) {
	home := t.TempDir()
	p := newProgram([]string{"HOME=" + home}, nil, nil, nil)
	if _, ok, err := p.loadKey("lkc-abc123"); ok || err != nil {
		t.Fatalf("a key that was never saved: %v, %v", ok, err)
	}
	for _, secret := range []string{"first", "second"} {
		path, err := p.saveKey("lkc-abc123", savedKey{"KEY", secret})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		key, ok, err := p.loadKey("lkc-abc123")
		if err != nil || !ok || key != (savedKey{"KEY", secret}) {
			t.Errorf("loaded %v, %v", ok, err)
		}
	}
	path, err := p.savedKeyPath("lkc-abc123")
	if err != nil {
		t.Fatal(err)
	}
	leftovers, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(leftovers) != 1 {
		t.Errorf("beside the key there are %v, %v", leftovers, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.loadKey("lkc-abc123"); err == nil || !strings.Contains(err.Error(), "other users may read it") {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.forgetKey("lkc-abc123", "ANOTHER"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := p.loadKey("lkc-abc123"); !ok {
		t.Error("deleting another key forgot this one")
	}
	if err := p.forgetKey("lkc-abc123", "KEY"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := p.loadKey("lkc-abc123"); ok {
		t.Error("the key is still there")
	}
}

func TestSavedKeyPathStaysInItsDirectory(t *testing.T) {
	p := newProgram([]string{"HOME=/home/me"}, nil, nil, nil)
	for _, id := range []string{"", "cloud", "env-1", "lkc-", "lkc-../../x", `lkc-..\x`, "lkc-a.b"} {
		if path, err := p.savedKeyPath(id); err == nil {
			t.Errorf("%q is kept in %s", id, path)
		}
	}
}

func TestDamagedSavedKey(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".config/orrery/keys/lkc-abc123.json", `{"api_key":"K"`)
	_, _, err := newProgram([]string{"HOME=" + home}, nil, nil, nil).loadKey("lkc-abc123")
	if err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("the error is %v", err)
	}
}
