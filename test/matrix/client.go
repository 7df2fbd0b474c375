package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// steps are the columns of the table; test/clients/README.md says what each does.
var steps = []string{
	"topics", "configs", "produce-none", "produce-gzip", "produce-snappy", "produce-lz4", "produce-zstd", "consume",
	"classic-group", "kip848-group", "static-member", "transactions", "offsets", "delete-records", "own-names",
}

// client is a program that runs the scenario.
type client struct {
	name string
	// command is the program with its first arguments. "ROOT" in it stands for the repository.
	command []string
	// install says what to do where the program is not there.
	install string
	// lacks are the steps that the client has no means for: these, and no others, are n/a.
	lacks []string
	// needsTopics is true for a client that cannot create the topics itself.
	needsTopics bool
	// hidesCluster is true for a client that does not show the cluster's id.
	hidesCluster bool
}

var clients = []client{
	{name: "franz-go", command: []string{"ROOT/.cache/clients/franz-go"}, install: "make clients"},
	{name: "sarama", command: []string{"ROOT/.cache/clients/sarama"}, install: "make matrix-clients",
		lacks: []string{"kip848-group"}, hidesCluster: true},
	{name: "kafka-go", command: []string{"ROOT/.cache/clients/kafka-go"}, install: "make matrix-clients",
		lacks: []string{"kip848-group", "static-member", "transactions", "delete-records"}},
	{name: "confluent-kafka-go", command: []string{"ROOT/.cache/clients/confluent-kafka-go"}, install: "make matrix-clients (it takes a C compiler)"},
	{name: "confluent-kafka-python", command: []string{"ROOT/.cache/python/bin/python", "ROOT/test/clients/python/scenario.py"}, install: "make clients"},
	{name: "kcat", command: []string{"bash", "ROOT/test/clients/kcat/scenario.sh"}, install: "apt-get install kcat",
		lacks: []string{"topics", "configs", "kip848-group", "offsets", "delete-records"}, needsTopics: true, hidesCluster: true},
	{name: "aiokafka", command: []string{"ROOT/.cache/aiokafka/bin/python", "ROOT/test/clients/aiokafka/scenario.py"}, install: "make matrix-clients",
		lacks: []string{"kip848-group"}},
	{name: "java", command: java("java", "java/Scenario.java"), install: "make clients"},
	{name: "java-2.8.2", command: java("java-2.8.2", "java/Scenario.java"), install: "make matrix-clients", lacks: []string{"kip848-group"}},
	{name: "kafkajs", command: []string{"env", "NODE_PATH=ROOT/.cache/kafkajs/node_modules", "node", "ROOT/test/clients/kafkajs/scenario.js"}, install: "make matrix-clients",
		lacks: []string{"produce-lz4", "produce-zstd", "kip848-group", "static-member"}},
}

// java runs a program in test/clients with libraries of the cache.
func java(libraries, program string) []string {
	return []string{"java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", "ROOT/.cache/" + libraries + "/*", "ROOT/test/clients/" + program}
}

func find(name string) (client, bool) {
	i := slices.IndexFunc(clients, func(c client) bool { return c.name == name })
	if i < 0 {
		return client{}, false
	}
	return clients[i], true
}

// arguments are the command on a repository.
func (c client) arguments(root string) []string {
	arguments := slices.Clone(c.command)
	for i := range arguments {
		arguments[i] = strings.ReplaceAll(arguments[i], "ROOT", root)
	}
	return arguments
}

// installed is an error that says what to do where something of the client is missing.
func (c client) installed(root string) error {
	missing := func(what string) error { return fmt.Errorf("%s: %s is missing: %s", c.name, what, c.install) }
	arguments := c.arguments(root)
	if _, err := exec.LookPath(arguments[0]); err != nil {
		return missing(arguments[0])
	}
	for _, a := range append(arguments[1:], c.name) {
		if _, directory, ok := strings.Cut(a, "NODE_PATH="); ok {
			a = directory + "/kafkajs"
		}
		if found, _ := filepath.Glob(a); strings.HasPrefix(a, root) && found == nil {
			return missing(a)
		}
	}
	if c.name == "kcat" {
		if _, err := exec.LookPath("kcat"); err != nil {
			return missing("kcat")
		}
	}
	return nil
}

// report is what a client's program prints.
type report struct {
	Client  string          `json:"client"`  // with its version
	Cluster string          `json:"cluster"` // the cluster id that it was told
	Steps   map[string]cell `json:"steps"`
}

// row runs the client for two tenants at once. The error says everything that is not as it has to be.
func (c client) row(ctx context.Context, root string, tenants source, records int) (row, error) {
	pair, remove, err := tenants(ctx, c.name)
	if err != nil {
		return row{client: c.name}, fmt.Errorf("%s: %w", c.name, err)
	}
	type outcome struct {
		report
		err error
	}
	tags := [2]string{"first", "second"}
	var outcomes [2]chan outcome
	for i := range pair {
		outcomes[i] = make(chan outcome, 1)
		go func() {
			r, err := c.run(ctx, root, pair[i], tags[i], records)
			outcomes[i] <- outcome{r, err}
		}()
	}
	merged := row{client: c.name, cells: map[string]cell{}}
	var problems []error
	for i := range pair {
		got := <-outcomes[i]
		if got.err != nil {
			problems = append(problems, fmt.Errorf("%s of tenant %s: %w", c.name, tags[i], got.err))
			continue
		}
		problems = append(problems, c.check(got.report, pair[i], tags[i])...)
		merged.add(got.report)
	}
	if err := remove(); err != nil {
		problems = append(problems, err)
	}
	return merged, errors.Join(problems...)
}

// check compares a report with what the client is known to do.
func (c client) check(r report, t target, tag string) (problems []error) {
	for _, step := range steps {
		want := "ok"
		if slices.Contains(c.lacks, step) {
			want = "n/a"
		}
		if got := r.Steps[step]; got.Result != want || got.Result == "n/a" && got.Detail == "" {
			problems = append(problems, fmt.Errorf("%s of tenant %s: %s is %q, want %q: %s", c.name, tag, step, got.Result, want, got.Detail))
		}
	}
	if r.Cluster != t.Cluster && (!c.hidesCluster || r.Cluster != "") {
		problems = append(problems, fmt.Errorf("%s of tenant %s was told the cluster id %q, want %q", c.name, tag, r.Cluster, t.Cluster))
	}
	return problems
}

// run runs the scenario for one tenant.
func (c client) run(ctx context.Context, root string, t target, tag string, records int) (r report, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if c.needsTopics {
		if err := createTopics(ctx, t, tag); err != nil {
			return r, err
		}
	}
	arguments := append(c.arguments(root), t.Bootstrap, t.Key, t.Secret, t.CAFile, tag, strconv.Itoa(records))
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.WaitDelay = 5 * time.Second // for what it started
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return r, fmt.Errorf("%w\n%s%s", err, tail(&out), tail(&problems))
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("printed %q: %w\n%s", tail(&out), err, tail(&problems))
	}
	return r, nil
}

// tail is the end of what a program printed.
func tail(b *bytes.Buffer) []byte { return b.Bytes()[max(0, b.Len()-2000):] }

// createTopics makes the topics of the scenario for a client that cannot.
func createTopics(ctx context.Context, t target, tag string) error {
	config, err := tlsConfig(t.CAFile)
	if err != nil {
		return err
	}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(t.Bootstrap), kgo.DialTLSConfig(config), kgo.SASL(plain.Auth{User: t.Key, Pass: t.Secret}.AsMechanism()))
	if err != nil {
		return err
	}
	defer kafka.Close()
	for name, partitions := range map[string]int32{"orders": 4, "shipments": 1, "only-" + tag: 1} {
		if _, err := kadm.NewClient(kafka).CreateTopic(ctx, partitions, -1, nil, name); err != nil {
			return fmt.Errorf("creating %s: %w", name, err)
		}
	}
	return nil
}
