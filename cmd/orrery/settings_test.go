package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file below dir and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrecedence asks for the version in a format that is set in several places.
func TestPrecedence(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".config/orrery/config.yaml", "output: yaml\n")
	elsewhere := write(t, home, "elsewhere.yaml", "output: json\n")
	withData := t.TempDir()
	write(t, withData, ".config/orrery/config.yaml", "output: yaml\n")
	write(t, withData, ".local/share/orrery/orrery.yaml", "output: json\n")
	for _, test := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"default", nil, nil, outputHuman},
		{"file", []string{"HOME=" + home}, nil, outputYAML},
		{"the data directory's file before the user's", []string{"HOME=" + withData}, nil, outputJSON},
		{"a named data directory's file", []string{"HOME=" + home, "ORRERY_DIR=" + filepath.Join(withData, ".local/share/orrery")}, nil, outputJSON},
		{"XDG_CONFIG_HOME", []string{"HOME=/nonexistent", "XDG_CONFIG_HOME=" + filepath.Join(home, ".config")}, nil, outputYAML},
		{"--config before the default files", []string{"HOME=" + home}, []string{"--config", elsewhere}, outputJSON},
		{"ORRERY_CONFIG", []string{"HOME=" + home, "ORRERY_CONFIG=" + elsewhere}, nil, outputJSON},
		{"environment before file", []string{"HOME=" + home, "ORRERY_OUTPUT=json"}, nil, outputJSON},
		{"an empty variable is none", []string{"HOME=" + home, "ORRERY_OUTPUT="}, nil, outputYAML},
		{"flag before environment", []string{"HOME=" + home, "ORRERY_OUTPUT=json"}, []string{"-o", "human"}, outputHuman},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := invoke(t, test.environ, "", append([]string{"version"}, test.args...)...)
			if got.code != exitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			format := outputHuman
			switch {
			case strings.HasPrefix(got.stdout, "{"):
				format = outputJSON
			case strings.HasPrefix(got.stdout, "go:"):
				format = outputYAML
			}
			if format != test.want {
				t.Errorf("the output is %s, want %s:\n%s", format, test.want, got.stdout)
			}
		})
	}
}

func TestBadConfiguration(t *testing.T) {
	for _, test := range []struct{ name, content, message, hint string }{
		{"unknown key", "outptu: json\n", `unknown key "outptu"`, "a key is a flag's name"},
		{"another spelling", "api_key: X\n", `unknown key "api_key"`, `did you mean "api-key"?`},
		{"a value of the wrong type", "quiet: perhaps\n", "key quiet: ", ""},
		{"a list for one value", "output: [json, yaml]\n", "key output: one value is expected", ""},
		{"a missing value", "output:\n", "the value is missing", ""},
		{"a mapping", "output: {a: b}\n", "expected a single value", ""},
		{"not a mapping", "- output\n", "expected lines of KEY: VALUE", ""},
		{"a key twice", "output: json\noutput: yaml\n", "already set", ""},
		{"not YAML", "\t:\n", "", ""},
		{"an unknown format", "output: xml\n", `"xml" is not a format`, "choose one of human, json, yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, t.TempDir(), "c.yaml", test.content)
			got := invoke(t, nil, "", "version", "--config", path)
			if got.code != exitUsage || !strings.HasPrefix(got.stderr, "error: ") {
				t.Fatalf("exit code %d, stderr %q", got.code, got.stderr)
			}
			if !strings.Contains(got.stderr, test.message) || !strings.Contains(got.stderr, test.hint) {
				t.Errorf("stderr is %q, want %q and %q", got.stderr, test.message, test.hint)
			}
		})
	}
}

func TestConfigurationThatIsNotThere(t *testing.T) {
	got := invoke(t, []string{"ORRERY_CONFIG=/nonexistent/c.yaml"}, "", "version")
	if got.code != exitUsage || !strings.Contains(got.stderr, "/nonexistent/c.yaml does not exist") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	got = invoke(t, []string{"ORRERY_QUIET=perhaps"}, "", "version")
	if got.code != exitUsage || !strings.Contains(got.stderr, "ORRERY_QUIET") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	got = invoke(t, []string{"ORRERY_CONFIG=/nonexistent/c.yaml"}, "", "up", "--help")
	if got.code != exitOK {
		t.Errorf("a bad configuration keeps --help from helping: %q", got.stderr)
	}
}

// TestHiddenFlags settles the two flags named --api-key, and the two named --config, from their own variables.
func TestHiddenFlags(t *testing.T) {
	p := newProgram([]string{"ORRERY_API_KEY=cloud", "ORRERY_KAFKA_API_KEY=kafka", "ORRERY_CLUSTER=demo", "ORRERY_KAFKA_BOOTSTRAP=127.0.0.1:1"}, nil, nil, nil)
	root := p.rootCommand()
	cmd, _, err := root.Find([]string{"kafka", "topic", "produce"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags([]string{"--api-secret", "mine"}); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(cmd); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"api-key": "kafka", "api-secret": "mine", "cluster": "demo", "bootstrap": "127.0.0.1:1"} {
		if got := cmd.Flags().Lookup(flag).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q", flag, got, want)
		}
	}
	if p.global.apiKey != "cloud" || p.global.apiSecret != "" {
		t.Errorf("the API's key is %q and its secret %q", p.global.apiKey, p.global.apiSecret)
	}
	if !p.defaulted["cluster"] || p.defaulted["api-secret"] {
		t.Errorf("defaulted is %v", p.defaulted)
	}

	p = newProgram([]string{"ORRERY_TOPIC_CONFIG=a=1,b=2"}, nil, nil, nil)
	cmd, _, err = p.rootCommand().Find([]string{"kafka", "topic", "create"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.settle(cmd); err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flags().Lookup("config").Value.String(); got != "[a=1,b=2]" || p.global.config != "" {
		t.Errorf("--config of a topic is %s, and the file %q", got, p.global.config)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"", "output: json\n", "a: [1, true, x]\n", "a: 1e400\n", "a: &x b\nc: *x\n", "- a", "\x00", "a:\n  b: c\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		values, err := parseConfig(document)
		if err != nil {
			return
		}
		for key, list := range values {
			if len(list) == 0 {
				t.Errorf("the key %q has no value", key)
			}
		}
	})
}
