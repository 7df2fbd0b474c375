package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/embedded"
)

const satelliteLong = `A satellite runs physical clusters on a host, and reports on them. Without a subcommand this
runs one: it registers with the mothership at its first start, which needs --url and a Cloud
API key of an administrator (ORRERY_API_KEY and ORRERY_API_SECRET), and later starts need
neither. Its keys are made in its data directory and never leave it.

It serves until Ctrl-C or SIGTERM, and goes on while the mothership is away.`

// satelliteFlags are the flags of `orrery satellite` as they were given.
type satelliteFlags struct {
	listen, host, kafkaPorts, region, zone, logLevel, logFormat string
	identityNetworks, identityCAFile                            string
	labels                                                      []string
	engine, engineCache                                         string
	lease                                                       time.Duration
	paused                                                      bool
	capacity                                                    orrery.Capacity
	login                                                       loginFlags
}

func (f *satelliteFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.region, "region", "", "serve only this `CLOUD/REGION`, such as aws/eu-central-1 (default: any)")
	flags.StringVar(&f.zone, "zone", "", "availability `ZONE` that it is in; the label zone")
	flags.StringSliceVar(&f.labels, "label", nil, "`NAME=VALUE` of the satellite; organization=ID and environment=ID keep it for those (repeatable)")
	flags.StringVar(&f.host, "host", "127.0.0.1", "`ADDRESS` of this host at which clients reach the brokers")
	flags.StringVar(&f.kafkaPorts, "kafka-ports", defaultKafkaPorts, "ports `A-B` for Kafka; each is chosen once and kept")
	flags.StringVar(&f.engine, "engine", defaultEngine, "what brokers are: embedded, in this process, or kafka, processes of Apache Kafka")
	engineCacheFlag(flags, &f.engineCache)
	flags.StringVar(&f.listen, "monitoring-listen", embedded.DefaultSatelliteListen, "loopback `HOST:PORT` of health checks and metrics; port 0 is chosen once and kept")
	flags.BoolVar(&f.paused, "paused", false, "look at its physical clusters and report, and do nothing to them; what runs goes on")
	flags.DurationVar(&f.lease, "lease", orrery.DefaultLease, "`DURATION` for which the mothership counts on it without hearing of it")
	flags.IntVar(&f.capacity.Brokers, "capacity-brokers", 0, "at most `N` brokers (default: what the engine can)")
	flags.IntVar(&f.capacity.LogicalClusters, "capacity-clusters", 0, "at most `N` logical clusters (default: what the engine can)")
	flags.IntVar(&f.capacity.Partitions, "capacity-partitions", 0, "at most `N` partitions (default: what the engine can)")
	flags.Int64Var(&f.capacity.StorageBytes, "capacity-storage", 0, "at most `BYTES` of volumes (default: what the engine can)")
	flags.StringVar(&f.identityNetworks, "identity-provider-networks", "", "`CIDR,...` in which identity providers may be although they are not public")
	flags.StringVar(&f.identityCAFile, "identity-provider-ca-file", "", "PEM `FILE` of more authorities that sign identity providers' certificates")
	f.login.add(flags)
	flags.StringVar(&f.logLevel, "log-level", "info", "least `LEVEL` of what is logged on stderr: debug, info, warn or error")
	flags.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of the log: text or json")
}

// Bounds of --lease: a lease is renewed each quarter of it.
const shortestLease, longestLease = 4 * time.Second, 30 * time.Minute

// satelliteConfig checks the flags.
func (p *program) satelliteConfig(f satelliteFlags) (embedded.SatelliteConfig, error) {
	s := embedded.SatelliteConfig{Listen: f.listen, Host: f.host, Lease: f.lease, Paused: f.paused, Capacity: f.capacity, Version: readVersion().Version, EngineCache: f.engineCache}
	host, err := hostOf("--monitoring-listen", f.listen)
	if err != nil {
		return s, err
	}
	if !loopback(host) {
		return s, usageError("", "--monitoring-listen %s is open to other machines; metrics are for this one", f.listen)
	}
	if f.lease < shortestLease || f.lease > longestLease {
		return s, usageError("", "--lease %s is not between %s and %s", f.lease, shortestLease, longestLease)
	}
	if f.capacity.Brokers < 0 || f.capacity.LogicalClusters < 0 || f.capacity.Partitions < 0 || f.capacity.StorageBytes < 0 {
		return s, usageError("", "a capacity is negative")
	}
	if s.Engine, err = parseEngine(f.engine); err != nil {
		return s, err
	}
	if s.Labels, err = parseLabels(f.labels, f.zone); err != nil {
		return s, err
	}
	if s.KafkaPortFirst, s.KafkaPortLast, err = parsePorts(f.kafkaPorts); err != nil {
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
	if s.Dir, err = p.dataDirectory(); err != nil {
		return s, err
	}
	s.API, err = p.mothershipAPI()
	return s, err
}

// mothershipAPI is a client of the mothership's API, nil where none is named: admin.env is not looked for, because the data
// directory is the satellite's own.
func (p *program) mothershipAPI() (*client.Client, error) {
	g := &p.global
	if g.url == "" {
		return nil, nil
	}
	if err := checkURL(g.url); err != nil {
		return nil, err
	}
	if g.apiKey == "" || g.apiSecret == "" {
		return nil, usageError("set ORRERY_API_KEY and ORRERY_API_SECRET to a Cloud API key of an administrator, or leave --url out where the satellite has registered before", "no API key is given for %s", g.url)
	}
	httpClient, err := httpClient(g.caFile)
	if err != nil {
		return nil, err
	}
	return &client.Client{URL: g.url, APIKey: g.apiKey, APISecret: g.apiSecret, HTTPClient: httpClient, UserAgent: userAgent()}, nil
}

// parseLabels reads NAME=VALUE of --label, and --zone.
func parseLabels(list []string, zone string) (map[string]string, error) {
	labels := map[string]string{}
	if zone != "" {
		labels[orrery.LabelZone] = zone
	}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, usageError("it looks like rack=7", "--label %q is not NAME=VALUE", text)
		}
		if _, twice := labels[name]; twice {
			return nil, usageError("", "the label %s is given twice", name)
		}
		labels[name] = value
	}
	if len(labels) == 0 {
		return nil, nil
	}
	return labels, nil
}

func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, " ")
}

// satelliteFacts are what a person, or a script, needs to know about a satellite that is up.
type satelliteFacts struct {
	ID            string   `json:"id"`
	Link          []string `json:"link"`
	MonitoringURL string   `json:"monitoring_url"`
	CAFile        string   `json:"ca_file"`
	DataDirectory string   `json:"data_directory"`
	StartedIn     string   `json:"started_in"`
}

// satellite runs a satellite.
func (p *program) satellite(ctx context.Context, f satelliteFlags) error {
	config, err := p.satelliteConfig(f)
	if err != nil {
		return err
	}
	config.Progress = func(text string) { p.note("%s", oneLine(text)) }
	started := time.Now()
	s, err := embedded.OpenSatellite(ctx, config)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return explainStart(err, embedded.Config{Dir: config.Dir, Listen: config.Listen, KafkaPortFirst: config.KafkaPortFirst, KafkaPortLast: config.KafkaPortLast})
	}
	facts := satelliteFacts{
		ID: s.ID(), Link: s.Link(), MonitoringURL: s.URL(), CAFile: s.CAFile(), DataDirectory: config.Dir, StartedIn: time.Since(started).Round(time.Millisecond).String(),
	}
	return p.untilEnd(ctx, s, closing, config.Logger.Info, facts, func(w io.Writer) {
		fmt.Fprintf(w, "The satellite %s is up (%s). Ctrl-C stops it; everything is kept in %s.\n\n", facts.ID, facts.StartedIn, facts.DataDirectory)
		details(w, []detail{{"  Link", strings.Join(facts.Link, ", ")}, {"  Metrics", facts.MonitoringURL + "/metrics"}, {"  CA file", facts.CAFile}})
	})
}
