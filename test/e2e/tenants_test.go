package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seen is what a scenario reports about its tenant.
type seen struct {
	Classic       int      `json:"classic"`       // records that a classic group got
	Next          int      `json:"next"`          // records that a KIP-848 group got
	Transactional int      `json:"transactional"` // committed records that a read_committed consumer got
	Topics        []string `json:"topics"`
	Groups        []string `json:"groups"`
	Cluster       string   `json:"cluster"`
}

// TestTwoTenants runs one scenario for two tenants of one physical cluster at once, with the same topic, group
// and transactional names, and expects each to see its own and nothing else: with each of three clients.
func TestTwoTenants(t *testing.T) {
	s := start(t, t.TempDir())
	scenarios := map[string]func(s *server, c cluster, key apiKey, tag string, records int) (seen, error){
		"franz-go": goScenario, "librdkafka": pythonScenario, "java": javaScenario,
	}
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			const records = 500
			a := s.createCluster(name+"-a", object{"kind": "Basic"})
			b := s.createCluster(name+"-b", object{"kind": "Standard"})
			if a.bootstrap != b.bootstrap {
				t.Fatalf("the tenants have different physical clusters: %s, %s", a.bootstrap, b.bootstrap)
			}
			user := s.userID()
			keyA, keyB := s.createKey(user, a), s.createKey(user, b)
			type result struct {
				seen
				err error
			}
			results := [2]chan result{make(chan result, 1), make(chan result, 1)}
			go func() { r, err := scenario(s, a, keyA, "first", records); results[0] <- result{r, err} }()
			go func() { r, err := scenario(s, b, keyB, "second", records); results[1] <- result{r, err} }()
			for i, c := range []cluster{a, b} {
				got := <-results[i]
				if got.err != nil {
					t.Errorf("tenant %d: %v", i, got.err)
					continue
				}
				want := seen{records, records, 10, []string{"orders", "shipments"}, []string{"billing", "billing-next"}, c.id}
				got.Groups = slices.DeleteFunc(got.Groups, func(g string) bool { return g == "unused" })
				if fmt.Sprint(got.seen) != fmt.Sprint(want) {
					t.Errorf("tenant %d saw\n%+v, want\n%+v", i, got.seen, want)
				}
			}
		})
	}
}

func pythonScenario(s *server, c cluster, key apiKey, tag string, records int) (seen, error) {
	python := os.Getenv("ORRERY_TEST_PYTHON")
	if python == "" {
		return seen{}, errors.New("ORRERY_TEST_PYTHON does not name a Python with confluent-kafka: run `make test`, which installs it")
	}
	return runScenario(s, c, key, tag, records, python, absolute("../clients/python/scenario.py"))
}

func javaScenario(s *server, c cluster, key apiKey, tag string, records int) (seen, error) {
	libraries := os.Getenv("ORRERY_TEST_JAVA_LIBS")
	if libraries == "" {
		return seen{}, errors.New("ORRERY_TEST_JAVA_LIBS does not name a directory with the Java client: run `make test`, which fetches it")
	}
	return runScenario(s, c, key, tag, records, "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", libraries+"/*", absolute("../clients/java/Scenario.java"))
}

func runScenario(s *server, c cluster, key apiKey, tag string, records int, program string, arguments ...string) (seen, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*deadline)
	defer cancel()
	arguments = append(arguments, c.bootstrap, key.id, key.secret, s.env["ORRERY_CA_FILE"], tag, strconv.Itoa(records))
	command := exec.CommandContext(ctx, program, arguments...)
	var problems strings.Builder
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		return seen{}, fmt.Errorf("%s: %w\n%s%s", filepath.Base(program), err, out, problems.String())
	}
	var got seen
	if err := json.Unmarshal(out, &got); err != nil {
		return seen{}, fmt.Errorf("%s printed %q: %w", filepath.Base(program), out, err)
	}
	return got, nil
}

func absolute(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return path
}

func goScenario(s *server, c cluster, key apiKey, tag string, records int) (got seen, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key)
	admin := kadm.NewClient(kafka)
	for topic, partitions := range map[string]int32{"orders": 6, "shipments": 1} {
		if _, err := admin.CreateTopic(ctx, partitions, -1, nil, topic); err != nil {
			return got, fmt.Errorf("creating %s: %w", topic, err)
		}
	}
	for i := range records {
		kafka.Produce(ctx, &kgo.Record{Topic: "orders", Key: []byte(strconv.Itoa(i)), Value: fmt.Appendf(nil, "%s-%d", tag, i)}, func(_ *kgo.Record, e error) { err = errors.Join(err, e) })
	}
	if err := errors.Join(kafka.Flush(ctx), err); err != nil {
		return got, fmt.Errorf("producing: %w", err)
	}
	if got.Classic, err = consume(ctx, s, c, key, tag, records, kgo.ConsumerGroup("billing")); err != nil {
		return got, fmt.Errorf("classic group: %w", err)
	}
	if got.Next, err = consume(ctx, s, c, key, tag, records, kgo.ConsumerGroup("billing-next"), kgo.ServerSideBalancer()); err != nil {
		return got, fmt.Errorf("KIP-848 group: %w", err)
	}
	if got.Transactional, err = transact(ctx, s, c, key, tag); err != nil {
		return got, fmt.Errorf("transactions: %w", err)
	}
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return got, err
	}
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return got, err
	}
	metadata, err := admin.BrokerMetadata(ctx)
	got.Topics, got.Groups, got.Cluster = topics.Names(), groups.Groups(), metadata.Cluster
	return got, err
}

// consume reads the topic orders from its beginning in a group until it has the records.
func consume(ctx context.Context, s *server, c cluster, key apiKey, tag string, records int, options ...kgo.Opt) (int, error) {
	options = append(options, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	consumer := s.kafka(c.bootstrap, key, options...)
	defer consumer.Close()
	got := map[string]bool{}
	for len(got) < records {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return len(got), err
		}
		var foreign error
		fetches.EachRecord(func(r *kgo.Record) {
			if !strings.HasPrefix(string(r.Value), tag+"-") {
				foreign = fmt.Errorf("%s got a record of another tenant: %s", tag, r.Value)
			}
			got[string(r.Value)] = true
		})
		if foreign != nil {
			return len(got), foreign
		}
	}
	return len(got), consumer.CommitUncommittedOffsets(ctx)
}

// transact commits ten records and aborts ten, and returns how many a read_committed consumer gets.
func transact(ctx context.Context, s *server, c cluster, key apiKey, tag string) (int, error) {
	producer := s.kafka(c.bootstrap, key, kgo.TransactionalID("shipper"))
	defer producer.Close()
	for _, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			return 0, err
		}
		for i := range 10 {
			r := &kgo.Record{Topic: "shipments", Value: fmt.Appendf(nil, "%s-%v-%d", tag, commit, i)}
			if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
				return 0, err
			}
		}
		if err := producer.EndTransaction(ctx, commit); err != nil {
			return 0, err
		}
	}
	reader := s.kafka(c.bootstrap, key, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"shipments": {0: kgo.NewOffset().AtStart()}}))
	defer reader.Close()
	got := 0
	for end := time.Now().Add(deadline); got < 10 && time.Now().Before(end); {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return got, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if strings.HasPrefix(string(r.Value), fmt.Sprintf("%s-%v-", tag, kgo.TryCommit)) {
				got++
			} else {
				got = -1000 // an aborted record, or one of another tenant
			}
		})
	}
	return got, nil
}
