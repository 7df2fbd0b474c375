package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/embedded"
)

const mothershipLong = `Run the control plane without clusters of its own: satellites (` + "`orrery satellite`" + `), on this
host or on others, register with it and run them. The control plane's own Kafka, which
carries the link, runs here.

Satellites reach the API at --tls-listen, or on this host at --listen, and the link at
--link-listen, with TLS and a certificate each. It serves until Ctrl-C or SIGTERM.
Satellites and clusters go on while it is away.`

// mothershipFlags are the flags of `orrery mothership` as they were given.
type mothershipFlags struct {
	listen, tlsListen, linkListen, linkHost, logLevel, logFormat string
	engine, engineCache                                          string
}

const defaultLinkListen = "127.0.0.1:8091"

func (p *program) mothershipCommand() *cobra.Command {
	var f mothershipFlags
	cmd := &cobra.Command{
		Use: "mothership", Short: "Run the control plane only; satellites run the clusters", Long: mothershipLong, Args: arguments(),
		Example: "orrery mothership --dir ./mothership\norrery mothership --tls-listen 0.0.0.0:8443 --link-listen 0.0.0.0:8091 --link-host orrery.example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := p.mothershipConfig(f)
			if err != nil {
				return err
			}
			return p.serve(cmd.Context(), config, p.writeMothership)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", defaultListen, "loopback `HOST:PORT` of the API, in plain HTTP; port 0 is chosen once and kept")
	flags.StringVar(&f.tlsListen, "tls-listen", "", "`HOST:PORT` of the API with TLS beside it, for other machines too")
	flags.StringVar(&f.linkListen, "link-listen", defaultLinkListen, "`HOST:PORT` of the link for satellites; port 0 is chosen once and kept")
	flags.StringVar(&f.linkHost, "link-host", "", "`HOST` at which satellites reach the link (default: that of --link-listen)")
	flags.StringVar(&f.engine, "engine", defaultEngine, "what the control plane's own broker is: embedded, in this process, or kafka, a process of Apache Kafka")
	engineCacheFlag(flags, &f.engineCache)
	flags.StringVar(&f.logLevel, "log-level", "info", "least `LEVEL` of what is logged on stderr: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of the log: text or json")
	return cmd
}

// mothershipConfig checks the flags.
func (p *program) mothershipConfig(f mothershipFlags) (embedded.Config, error) {
	s := embedded.Config{
		Listen: f.listen, TLSListen: f.tlsListen, LinkListen: f.linkListen, LinkHost: f.linkHost, ControlOnly: true, Version: readVersion().Version, EngineCache: f.engineCache,
	}
	if err := checkListen(f.listen); err != nil {
		return s, err
	}
	if f.tlsListen != "" {
		if _, err := hostOf("--tls-listen", f.tlsListen); err != nil {
			return s, err
		}
	}
	if _, err := hostOf("--link-listen", f.linkListen); err != nil {
		return s, err
	}
	var err error
	if s.Engine, err = parseEngine(f.engine); err != nil {
		return s, err
	}
	if s.Logger, err = newLogger(p.stderr, f.logLevel, f.logFormat); err != nil {
		return s, err
	}
	s.Dir, err = p.dataDirectory()
	return s, err
}

// dataDirectory is the data directory of a role, as an absolute path.
func (p *program) dataDirectory() (string, error) {
	dir := p.directory()
	if dir == "" {
		return "", usageError("name one with --dir", "there is no data directory: neither --dir nor ORRERY_DIR nor HOME is set")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", usageError("", "--dir: %v", err)
	}
	return dir, nil
}

// serve runs a server until ctx ends; write says that it is up.
func (p *program) serve(ctx context.Context, config embedded.Config, write func(io.Writer, upFacts)) error {
	config.Progress = func(text string) { p.note("%s", oneLine(text)) }
	started := time.Now()
	server, err := embedded.Open(ctx, config)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // ended while it was starting, which undoes itself
	case err != nil:
		return explainStart(err, config)
	}
	facts := upFacts{
		URL: server.URL(), AdminKeyID: server.AdminKeyID(), AdminEnvFile: server.AdminEnvFile(), CAFile: server.CAFile(), Link: server.LinkAddress(),
		TLSURL: server.TLSURL(), DataDirectory: config.Dir, StartedIn: time.Since(started).Round(time.Millisecond).String(),
	}
	patience := closing
	if config.Engine == orrery.EngineApache {
		patience = closingBrokers
	}
	return p.untilEnd(ctx, server, patience, config.Logger.Info, facts, func(w io.Writer) { write(w, facts) })
}

// running is a role that is up.
type running interface {
	Wait(ctx context.Context) error
	Close(ctx context.Context) error
}

// untilEnd shows that a role is up, waits until ctx ends or it cannot go on, and closes it with patience.
func (p *program) untilEnd(ctx context.Context, role running, patience time.Duration, log func(string, ...any), facts any, write func(io.Writer)) error {
	err := p.show(facts, write)
	if err == nil {
		err = role.Wait(ctx)
	}
	if ctx.Err() != nil {
		log("stopping; a second signal ends the process at once")
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if closeErr := role.Close(ending); err == nil {
		err = closeErr
	}
	return err
}

// writeMothership says what is there and how a satellite is started.
func (p *program) writeMothership(w io.Writer, facts upFacts) {
	fmt.Fprintf(w, "The mothership is up (%s). Ctrl-C stops it; everything is kept in %s.\n\n", facts.StartedIn, facts.DataDirectory)
	details(w, []detail{
		{"  API", facts.URL},
		{"  API with TLS", facts.TLSURL},
		{"  Link", facts.Link},
		{"  Admin key", facts.AdminKeyID + " (its secret is in " + facts.AdminEnvFile + ")"},
		{"  CA file", facts.CAFile},
	})
	url := facts.URL
	if facts.TLSURL != "" {
		url = facts.TLSURL
	}
	fmt.Fprintf(w, `
A satellite, here or on another host that has the CA file:

  export ORRERY_API_KEY=%s ORRERY_API_SECRET=...
  orrery satellite --dir ./satellite --url %s --ca-file %s --region aws/eu-central-1
`, facts.AdminKeyID, url, shellQuote(facts.CAFile))
}
