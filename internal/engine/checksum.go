package engine

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

//go:embed checksums/*.txt
var checksumLists embed.FS

// checksums is what a directory of jars has to hold: names in order, and the SHA-256 of each in hexadecimal.
type checksums struct {
	names []string
	sums  map[string]string
	text  string
}

// wanted are the checksums of a version, which has to be one of Versions.
func wanted(version string) checksums {
	text, err := checksumLists.ReadFile("checksums/" + version + ".txt")
	if err != nil {
		panic(err) // a version without its list was not committed whole
	}
	c := checksums{sums: map[string]string{}, text: string(text)}
	for line := range strings.Lines(c.text) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		c.names = append(c.names, name)
		c.sums[name] = sum
	}
	return c
}

// fingerprint tells installations apart that would hold different files.
func (c checksums) fingerprint() string {
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(c.text), logConfiguration, pom} {
		fmt.Fprintf(sum, "%d\n%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

func (c checksums) classPath(dir string) string {
	paths := make([]string, len(c.names))
	for n, name := range c.names {
		paths[n] = filepath.Join(dir, name)
	}
	return strings.Join(paths, string(os.PathListSeparator))
}

// verify holds the files of a directory against their checksums: each has to be there and right, and nothing else may be.
func verify(dir string, want checksums) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var problems []error
	found := map[string]bool{}
	for _, entry := range entries {
		found[entry.Name()] = true
		sum, known := want.sums[entry.Name()]
		if !known {
			problems = append(problems, fmt.Errorf("%s: not expected", entry.Name()))
			continue
		}
		have, err := sumFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		if have != sum {
			problems = append(problems, fmt.Errorf("%s: SHA-256 is %s, expected %s", entry.Name(), have, sum))
		}
	}
	for _, name := range want.names {
		if !found[name] {
			problems = append(problems, fmt.Errorf("%s: missing", name))
		}
	}
	return errors.Join(problems...)
}

func sumFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
