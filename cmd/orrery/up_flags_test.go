package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/embedded"
)

func TestServerConfig(t *testing.T) {
	p := newProgram([]string{"HOME=/home/me"}, nil, nil, &bytes.Buffer{})
	f := upFlags{listen: "localhost:0", tlsListen: ":8443", kafkaPorts: "1-65535", engine: "Kafka", engineCache: "/cache", kafkaVersion: "4.2.1", region: "aws/eu-central-1", logLevel: "WARN", logFormat: "json"}
	f.login.add(pflag.NewFlagSet("up", pflag.ContinueOnError)) // which sets the defaults
	got, err := p.serverConfig(f)
	if err != nil {
		t.Fatal(err)
	}
	got.Logger = nil
	want := embedded.Config{Dir: "/home/me/.local/share/orrery", Listen: "localhost:0", TLSListen: ":8443", KafkaPortFirst: 1, KafkaPortLast: 65535, Engine: orrery.EngineApache, EngineCache: "/cache", KafkaVersion: "4.2.1",
		Cloud: "AWS", Region: "eu-central-1", Login: embedded.DefaultLogin(), Version: readVersion().Version}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.operatingSys = "darwin"
	if dir := p.directory(); dir != "/home/me/Library/Application Support/orrery" {
		t.Errorf("on macOS the directory is %s", dir)
	}
	p.environ["XDG_DATA_HOME"] = "/data"
	if dir := p.directory(); dir != "/data/orrery" {
		t.Errorf("with XDG_DATA_HOME the directory is %s", dir)
	}
}

// TestLoginFlags: what cannot be is refused with the flag's name, and "none" exempts nobody.
func TestLoginFlags(t *testing.T) {
	for argument, want := range map[string]string{
		"--session-lifetime=-1h": "shorter than a second", "--session-lifetime=5ms": "--session-lifetime 5ms",
		"--half-open=0": "--half-open 0 is not between 1 and 8192", "--half-open=8193": "8193", "--address-half-open=-1": "--address-half-open",
		"--address-attempts=0": "--address-attempts", "--address-failures=0": "--address-failures",
		"--address-exempt=nobody": `--address-exempt: "nobody" is not a network`, "--address-exempt=10.0.0.1/8": "10.0.0.1/8", "--address-exempt=": "names no network",
		"--address-exempt=none": "", "--session-lifetime=1s": "", "--half-open=8192": "",
	} {
		var f loginFlags
		flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse([]string{argument}); err != nil {
			t.Fatal(err)
		}
		got, err := f.check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", argument, err, want)
		}
		if argument == "--address-exempt=none" && (got.ExemptNetworks == nil || len(got.ExemptNetworks) > 0) {
			t.Errorf("%s exempts %v", argument, got.ExemptNetworks)
		}
	}
}

func TestWriteUp(t *testing.T) {
	p := newProgram([]string{"HOME=/home/me"}, nil, nil, nil)
	facts := upFacts{URL: "http://127.0.0.1:8080", AdminKeyID: "ADMINKEY", AdminEnvFile: "/srv/my data/admin.env", CAFile: "/srv/my data/ca.pem", DataDirectory: "/srv/my data", StartedIn: "412ms"}
	var b bytes.Buffer
	p.writeUp(&b, facts)
	golden(t, "testdata/up.golden", b.String())
	facts.DataDirectory = "/home/me/.local/share/orrery"
	b.Reset()
	p.writeUp(&b, facts)
	if strings.Contains(b.String(), "export") {
		t.Errorf("the default directory needs no variable:\n%s", b.String())
	}
}

func TestExplainStart(t *testing.T) {
	s := embedded.Config{Dir: "/data", Listen: "127.0.0.1:8080", TLSListen: "0.0.0.0:8443", KafkaPortFirst: 19092, KafkaPortLast: 19591}
	taken := func(port int) error {
		return fmt.Errorf("starting: %w", &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, Err: syscall.EADDRINUSE})
	}
	for _, test := range []struct {
		err  error
		want []string
	}{
		{taken(8080), []string{"the port 127.0.0.1:8080 is taken", "lsof -nP -iTCP:8080", "--listen 127.0.0.1:8081"}},
		{taken(8443), []string{"127.0.0.1:8443 is taken", "--tls-listen"}},
		{taken(19100), []string{"127.0.0.1:19100 is taken", "--kafka-ports (now 19092-19591)"}},
		{syscall.EADDRINUSE, []string{"address already in use", "ss -ltnp"}},
		{fmt.Errorf("writing: %w", syscall.ENOSPC), []string{"the disk of /data is full"}},
		{fmt.Errorf("opening: %w", syscall.EMFILE), []string{"ulimit -n"}},
		{fmt.Errorf("opening: %w", syscall.EACCES), []string{"--dir"}},
		{&net.OpError{Op: "listen", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, Err: syscall.EACCES}, []string{"ports below 1024"}},
	} {
		var f *failure
		if err := explainStart(test.err, s); !errors.As(err, &f) {
			t.Errorf("%v is not explained: %v", test.err, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(f.message+"\n"+f.hint, want) {
				t.Errorf("%v is explained as %q, %q; want %q", test.err, f.message, f.hint, want)
			}
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"": "''", "/a/b.c": "/a/b.c", "/my data": "'/my data'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) is %s, want %s", in, got, want)
		}
	}
}
