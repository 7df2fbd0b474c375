package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// installed is a version from the cache that all tests share; without Java or Maven it fails and says what to install.
func installed(t *testing.T, version string) Installation {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	i, err := Install(t.Context(), Config{CacheDir: os.Getenv("ORRERY_ENGINE_CACHE"), Version: version, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestInstallTogether installs into an empty cache twice at the same time: it is fetched once, and both get it whole.
func TestInstallTogether(t *testing.T) {
	installed(t, DefaultVersion) // so that what is missing is said first, and Maven has the jars
	cache := t.TempDir()
	var progress [2]bytes.Buffer
	var installations [2]Installation
	var errs [2]error
	var running sync.WaitGroup
	for n := range installations {
		running.Go(func() {
			installations[n], errs[n] = Install(t.Context(), Config{CacheDir: cache, Progress: &progress[n]})
		})
	}
	running.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	said := progress[0].String() + progress[1].String()
	if strings.Count(said, "fetching") != 1 || strings.Count(said, "class archive") != 1 {
		t.Errorf("it was not made exactly once:\n%s", said)
	}
	if installations[0].Archive != installations[1].Archive || installations[0].ClassPath != installations[1].ClassPath {
		t.Errorf("two installations: %+v and %+v", installations[0], installations[1])
	}
	left, err := filepath.Glob(filepath.Join(cache, ".fetch*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	atOnce(t, cache)
	archiveIsUsed(t, installations[0])
	damaged(t, installations[0], cache)
}

// atOnce installs again without Maven in reach.
func atOnce(t *testing.T, cache string) {
	t.Helper()
	java, err := findJava(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(onlyProgram(t, "java", "exec "+java.path+` "$@"`)))
	t.Setenv("JAVA_HOME", filepath.Dir(filepath.Dir(java.path)))
	var progress bytes.Buffer
	if _, err := Install(t.Context(), Config{CacheDir: cache, Progress: &progress}); err != nil || progress.Len() > 0 {
		t.Errorf("from the cache: %v, %q", err, progress.String())
	}
}

func archiveIsUsed(t *testing.T, i Installation) {
	t.Helper()
	arguments := i.Arguments(JVM{HeapMiB: 128, FirstTierOnly: true, LogLevel: "ERROR", Options: []string{"-Xlog:class+load"}}, ServerClass, "--version")
	output, err := exec.CommandContext(t.Context(), i.Java, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if n := bytes.Count(output, []byte("shared objects file (top)")); n < 300 {
		t.Errorf("%d classes came from the archive", n)
	}
}

// damaged changes a jar in the cache.
func damaged(t *testing.T, i Installation, cache string) {
	t.Helper()
	jar := filepath.Join(i.Dir, libraries, wanted(i.Version).names[0])
	if err := os.WriteFile(jar, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Install(t.Context(), Config{CacheDir: cache})
	for _, want := range []string{filepath.Base(jar), "SHA-256", i.Dir} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a changed jar: %v; it does not mention %q", err, want)
		}
	}
}

func TestVerify(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"right":   {[]string{"a.jar", "b.jar"}, ""},
		"missing": {[]string{"a.jar"}, "b.jar: missing"},
		"extra":   {[]string{"a.jar", "b.jar", "c.jar"}, "c.jar: not expected"},
	} {
		dir := t.TempDir()
		for _, file := range c.files {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		err := verify(dir, checksums{names: []string{"a.jar", "b.jar"}, sums: map[string]string{"a.jar": empty, "b.jar": empty}})
		if have := fmt.Sprint(err); have != c.want && !(err == nil && c.want == "") {
			t.Errorf("%s: %q, want %q", name, have, c.want)
		}
	}
}

func TestChecksumsAreWhole(t *testing.T) {
	for _, version := range Versions() {
		c := wanted(version)
		for _, name := range c.names {
			if len(c.sums[name]) != 64 || !strings.HasSuffix(name, ".jar") {
				t.Errorf("%s: %q has the checksum %q", version, name, c.sums[name])
			}
		}
		if c.sums["kafka-server-"+version+".jar"] == "" || c.sums["kafka-tools-"+version+".jar"] == "" {
			t.Errorf("%s: the list is another version's", version)
		}
	}
}

// onlyProgram writes a program, alone in its directory, and returns its path.
func onlyProgram(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMissing asks for an installation where something that it needs is not there.
func TestMissing(t *testing.T) {
	java := func(version string) string {
		return filepath.Dir(onlyProgram(t, "java", `echo 'openjdk version "`+version+`" 2020-01-01' >&2`))
	}
	maven := func(says string) string {
		return java("21") + ":" + filepath.Dir(onlyProgram(t, "mvn", "echo '"+says+"'; exit 1"))
	}
	for name, c := range map[string]struct {
		path, javaHome, version string
		want                    []string
	}{
		"no Java":           {path: "/nonexistent", want: []string{"no java in PATH", "apt-get install openjdk-17"}},
		"wrong JAVA_HOME":   {path: java("17.0.1"), javaHome: "/nonexistent", want: []string{"JAVA_HOME is /nonexistent"}},
		"Java 11":           {path: java("11.0.2"), want: []string{"is Java 11, too old"}},
		"Java 8":            {path: java("1.8.0_402"), want: []string{"is Java 8, too old"}},
		"not Java":          {path: java("x"), want: []string{"no version of Java"}},
		"no Maven":          {path: java("17"), want: []string{"no mvn in PATH", "apt-get install maven"}},
		"no network":        {path: maven("[ERROR] Could not transfer artifact: repository.example: Name or service: Unknown host"), want: []string{"cannot reach its repository", "settings.xml", "Could not transfer"}},
		"Maven fails":       {path: maven("[ERROR] some other thing"), want: []string{"mvn: exit status 1: some other thing"}},
		"unknown version":   {path: java("17"), version: "4.4.0", want: []string{`"4.4.0" is not known`, "4.2.1, 4.3.1"}},
		"version as a path": {path: java("17"), version: "../../x", want: []string{"is not known"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			t.Setenv("JAVA_HOME", c.javaHome)
			cache := t.TempDir()
			_, err := Install(t.Context(), Config{CacheDir: cache, Version: c.version})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v; it does not mention %q", err, want)
				}
			}
			entries, err := os.ReadDir(cache)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				if entry.IsDir() {
					t.Errorf("left over: %s", entry.Name())
				}
			}
		})
	}
}

// TestUnreachable runs Maven without any way to a repository.
func TestUnreachable(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".m2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".m2", "settings.xml"), []byte("<settings><offline>true</offline></settings>"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAVEN_OPTS", "-Duser.home="+home)
	_, err := Install(t.Context(), Config{CacheDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "cannot reach its repository") {
		t.Errorf("offline: %v", err)
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 120*time.Millisecond, errors.New("no more patience"))
	defer cancel()
	if _, err := lock(ctx, path); err == nil || !strings.Contains(err.Error(), "no more patience") {
		t.Errorf("the lock is held: %v", err)
	}
	locked := make(chan error)
	go func() {
		again, err := lock(t.Context(), path)
		if err == nil {
			again()
		}
		locked <- err
	}()
	unlock()
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

func TestCacheDir(t *testing.T) {
	for _, dir := range []string{"/a:b", "/a*", "/a\nb"} {
		if _, err := cacheDir(dir); err == nil {
			t.Errorf("%q: no error", dir)
		}
	}
	t.Chdir(t.TempDir())
	if dir, err := cacheDir("cache"); err != nil || !filepath.IsAbs(dir) {
		t.Errorf("%q, %v", dir, err)
	}
}

// TestReservedPort listens on a reserved port, twice, while nobody is given it.
func TestReservedPort(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		port, err := ReservePort()
		if err != nil {
			t.Fatal(err)
		}
		defer port.Release()
		if seen[port.Number] {
			t.Fatalf("port %d was given twice", port.Number)
		}
		seen[port.Number] = true
		for range 2 {
			listener, err := net.Listen("tcp", port.Address())
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", port.Address())
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			listener.Close()
		}
	}
}
