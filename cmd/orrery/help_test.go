package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands returns every command that a person can type.
func commands(root *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{root}
	for _, child := range root.Commands() {
		list = append(list, commands(child)...)
	}
	return list
}

func testRoot() *cobra.Command { return newProgram(nil, nil, nil, nil).rootCommand() }

func TestHelpOfEveryCommand(t *testing.T) {
	dir := filepath.Join("testdata", "help")
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, cmd := range commands(testRoot()) {
		words := strings.Fields(cmd.CommandPath())
		args := append(words[1:], "--help")
		if isTopic(cmd) {
			args = append([]string{"help"}, words[1:]...)
		}
		name := strings.Join(words, "-") + ".txt"
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			got := invoke(t, nil, "", args...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("exit code %d, stderr %q", got.code, got.stderr)
			}
			golden(t, filepath.Join(dir, name), got.stdout)
		})
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[file.Name()] {
			t.Errorf("%s belongs to no command", file.Name())
		}
	}
}

// TestHelpTeaches holds every command to having an example that it would accept.
func TestHelpTeaches(t *testing.T) {
	for _, cmd := range commands(testRoot()) {
		if isTopic(cmd) || cmd.Name() == "help" || !cmd.HasParent() {
			continue
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			checkExample(t, cmd, line)
		}
	}
}

// checkExample parses the orrery command of a line, without running it.
func checkExample(t *testing.T, cmd *cobra.Command, line string) {
	t.Helper()
	match := regexp.MustCompile(`orrery ([^|>#)]*)`).FindStringSubmatch(line)
	if match == nil {
		t.Errorf("%s: the example %q does not run orrery", cmd.CommandPath(), line)
		return
	}
	words := strings.Fields(strings.ReplaceAll(match[1], `"`, ""))
	root := testRoot()
	target, rest, err := root.Find(words)
	if err != nil {
		t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
		return
	}
	if strings.Contains(line, `"`) || strings.Contains(line, "<") {
		return // the words are not those of a shell
	}
	if err := target.ParseFlags(rest); err != nil {
		t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
		return
	}
	if target.Args == nil {
		return
	}
	if err := target.Args(target, target.Flags().Args()); err != nil {
		t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
	}
}

// TestSettingsAreUnambiguous holds one key of the configuration file to one meaning: two flags share it only if
// they share name and type.
func TestSettingsAreUnambiguous(t *testing.T) {
	root := testRoot()
	owner := map[string]*pflag.Flag{}
	for _, cmd := range commands(root) {
		for _, f := range flagsOf(cmd) {
			key := settingName(f)
			first, ok := owner[key]
			if !ok {
				owner[key] = f
				continue
			}
			if first.Name != f.Name || first.Value.Type() != f.Value.Type() {
				t.Errorf("%s: --%s and --%s are both the key %q", cmd.CommandPath(), first.Name, f.Name, key)
			}
		}
	}
	global := root.PersistentFlags()
	for _, cmd := range commands(root) {
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if hidden := global.Lookup(f.Name); hidden != nil && hidden != f && settingName(hidden) == settingName(f) {
				t.Errorf("%s: --%s hides the global flag and shares its variable %s", cmd.CommandPath(), f.Name, variable(f))
			}
		})
	}
}
