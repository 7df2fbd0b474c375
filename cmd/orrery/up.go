package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/embedded"
	"github.com/orrery-kafka/orrery/internal/engine"
)

const upLong = `Run a whole managed Kafka service in this process: control plane, brokers, gateways
and load balancers, with all data in one directory. The first start makes the
directory, a certificate authority and an admin key; every later start finds
everything as it was, on the same addresses.

It serves until Ctrl-C or SIGTERM, and then exits with status 0; a second signal ends
it at once. Even a kill -9 loses no acknowledged record.

With --engine kafka brokers are Apache Kafka, and brokers, gateways and load balancers
are processes of their own; that needs Linux and Java 17, and the first start installs
Apache Kafka (see "orrery engine install --help"). Ctrl-C ends them all, in order. A
kill -9 of this process does not: they go on, and the next start takes them over. A
directory stays with the engine that it was made with.

Addresses are on this machine only, without any DNS set-up. The API is plain HTTP on
loopback; --tls-listen serves it with TLS to others.

The data directory is --dir or ORRERY_DIR, else $XDG_DATA_HOME/orrery, else
~/.local/share/orrery (on macOS ~/Library/Application Support/orrery).`

func (p *program) upCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Run the whole service here, in one process", Long: upLong, Args: arguments(),
		Example: `orrery up
orrery up --dir ./data --listen 127.0.0.1:9000 --kafka-ports 20000-20099
orrery up --tls-listen 0.0.0.0:8443 --region aws/eu-central-1
orrery up --dir ./kafka --engine kafka`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.up(cmd.Context(), f) },
	}
	f.add(cmd)
	return cmd
}

// serverConfig checks the flags of `orrery up`.
func (p *program) serverConfig(f upFlags) (embedded.Config, error) {
	s := embedded.Config{Listen: f.listen, TLSListen: f.tlsListen, Version: readVersion().Version, EngineCache: f.engineCache, KafkaVersion: f.kafkaVersion}
	if err := checkListen(f.listen); err != nil {
		return s, err
	}
	if f.tlsListen != "" {
		if _, err := hostOf("--tls-listen", f.tlsListen); err != nil {
			return s, err
		}
	}
	var err error
	if s.KafkaPortFirst, s.KafkaPortLast, err = parsePorts(f.kafkaPorts); err != nil {
		return s, err
	}
	if f.kafkaVersion != "" && !slices.Contains(engine.Versions(), f.kafkaVersion) {
		return s, usageError("", "--kafka-version %q is not one of %s", f.kafkaVersion, strings.Join(engine.Versions(), ", "))
	}
	if s.Engine, err = parseEngine(f.engine); err != nil {
		return s, err
	}
	if s.Cloud, s.Region, err = parseRegion(f.region); err != nil {
		return s, err
	}
	if s.IdentityProviderNetworks, err = parseNetworks("--identity-provider-networks", f.identityNetworks); err != nil {
		return s, err
	}
	if s.IdentityProviderCAs, err = readAuthorities(f.identityCAFile); err != nil {
		return s, err
	}
	if s.Login, err = f.login.check(); err != nil {
		return s, err
	}
	if s.Logger, err = newLogger(p.stderr, f.logLevel, f.logFormat); err != nil {
		return s, err
	}
	s.Dir, err = p.dataDirectory()
	return s, err
}

// upFacts are what a person, or a script, needs to know about a server that is up.
type upFacts struct {
	URL           string `json:"url"`
	TLSURL        string `json:"tls_url,omitempty"`
	Link          string `json:"link,omitempty"`
	AdminKeyID    string `json:"admin_key_id"`
	AdminEnvFile  string `json:"admin_env_file"`
	CAFile        string `json:"ca_file"`
	DataDirectory string `json:"data_directory"`
	StartedIn     string `json:"started_in"`
}

// closing bounds a clean shutdown: of this process, and of brokers that are processes of their own and have leaders to
// move and logs to close. What has not ended by then is ended by force, which loses nothing and makes its next start
// slower.
const (
	closing        = 30 * time.Second
	closingBrokers = 2 * time.Minute
)

func (p *program) up(ctx context.Context, f upFlags) error {
	config, err := p.serverConfig(f)
	if err != nil {
		return err
	}
	return p.serve(ctx, config, p.writeUp)
}

// writeUp says what is there and what to type next. The secret is not shown: a terminal is read by others.
func (p *program) writeUp(w io.Writer, facts upFacts) {
	fmt.Fprintf(w, "Orrery is up (%s). Ctrl-C stops it; everything is kept in %s.\n\n", facts.StartedIn, facts.DataDirectory)
	details(w, []detail{
		{"  API", facts.URL},
		{"  API with TLS", facts.TLSURL},
		{"  Admin key", facts.AdminKeyID + " (its secret is in " + facts.AdminEnvFile + ")"},
		{"  CA file", facts.CAFile},
	})
	fmt.Fprint(w, "\nIn another terminal:\n\n")
	if !p.isDefaultDirectory(facts.DataDirectory) {
		fmt.Fprintf(w, "  export ORRERY_DIR=%s\n", shellQuote(facts.DataDirectory))
	}
	fmt.Fprint(w, `  orrery kafka cluster create demo
  orrery api-key create --resource demo --save
  orrery kafka topic create greetings
  echo hello | orrery kafka topic produce greetings
  orrery kafka topic consume greetings --from-beginning -n 1

Your own program: orrery kafka client-config --help
`)
}

// isDefaultDirectory reports whether other commands look into dir without being told.
func (p *program) isDefaultDirectory(dir string) bool {
	other := &program{environ: p.environ, operatingSys: p.operatingSys}
	return other.directory() == dir
}
