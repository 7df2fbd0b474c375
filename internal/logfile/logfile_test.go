package logfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestBounded(t *testing.T) {
	for files, want := range map[int][]int{1: {500}, 2: {500, 1000}, 4: {500, 1000, 1000, 1000}} {
		t.Run(fmt.Sprintf("%d files", files), func(t *testing.T) {
			limits := Limits{Bytes: 1000, Files: files}
			path := filepath.Join(t.TempDir(), "log")
			f := open(t, path, limits)
			line := append(bytes.Repeat([]byte{'x'}, 99), '\n')
			for i := range 95 {
				if i == 50 { // it goes on where it was
					if err := f.Close(); err != nil {
						t.Fatal(err)
					}
					f = open(t, path, limits)
				}
				if _, err := f.Write(line); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			for age, bytes := range want {
				content, err := os.ReadFile(f.aged(age))
				if err != nil || len(content) != bytes {
					t.Errorf("%s has %d bytes, want %d (%v)", f.aged(age), len(content), bytes, err)
				}
			}
			if all, err := filepath.Glob(path + "*"); err != nil || len(all) != files {
				t.Errorf("there are %v, %v", all, err)
			}
		})
	}
}

func open(t *testing.T, path string, limits Limits) *File {
	t.Helper()
	f, err := Open(path, limits)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestImpossible(t *testing.T) {
	for _, limits := range []Limits{{}, {Bytes: 1}, {Files: 1}, {Bytes: -1, Files: 2}} {
		if f, err := Open(filepath.Join(t.TempDir(), "log"), limits); err == nil {
			f.Close()
			t.Errorf("%+v is taken", limits)
		}
	}
}
