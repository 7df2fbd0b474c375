package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/durable"
)

const (
	trainingDir      = ".training-"
	trainingHeapMiB  = 384
	trainingPatience = 5 * time.Minute
	// dumpPatience is for the end of the run, when the archive is written: some seconds, and on a machine with twenty
	// times as much to do as it can, minutes.
	dumpPatience    = 5 * time.Minute
	trainingRecords = 2000
)

// ready completes an installation whose jars are there: with the class archive, which is good for one java program
// and one place of the jars, and with what `format` writes for this version. Both are made once.
func (i *Installation) ready(ctx context.Context, java javaProgram, progress io.Writer) error {
	sum := sha256.Sum256([]byte(java.path + "\n" + java.version + "\n" + i.ClassPath))
	i.Archive = filepath.Join(i.Dir, archivePrefix+hex.EncodeToString(sum[:6])+archiveSuffix)
	bootstrap := filepath.Join(i.Dir, bootstrapFile)
	var err error
	i.Bootstrap, err = os.ReadFile(bootstrap)
	_, missing := os.Stat(i.Archive)
	if err == nil && missing == nil {
		return nil
	}
	for _, err := range []error{err, missing} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintf(progress, "making the class archive of Apache Kafka %s with a short run ...\n", i.Version)
	ctx, cancel := context.WithTimeoutCause(ctx, trainingPatience, errors.New("the short run took too long"))
	defer cancel()
	dir, err := os.MkdirTemp(i.Dir, trainingDir)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays, sweep removes
	t := training{installation: i, dir: dir, archive: filepath.Join(dir, "classes.jsa")}
	if err := t.run(ctx); err != nil {
		return err
	}
	if err := durable.WriteFile(bootstrap, i.Bootstrap, 0o644); err != nil {
		return err
	}
	return os.Rename(t.archive, i.Archive)
}

// training is the short run of a broker that the class archive is made of: what it loads starts quickly later.
type training struct {
	installation  *Installation
	dir, archive  string
	client, login *Port
	controller    *Port
}

func (t *training) run(ctx context.Context) error {
	for _, port := range []**Port{&t.client, &t.login, &t.controller} {
		reserved, err := ReservePort()
		if err != nil {
			return err
		}
		defer func() { _ = reserved.Release() }()
		*port = reserved
	}
	properties := filepath.Join(t.dir, "server.properties")
	if err := t.format(ctx, properties); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(t.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	arguments := append(t.installation.options(t.jvm(), "-XX:ArchiveClassesAtExit="+t.archive), ServerClass, properties)
	process, err := start(t.installation.Java, t.dir, log, arguments)
	if err != nil {
		return err
	}
	if err := t.exercise(ctx, process); err != nil {
		return fmt.Errorf("%w: %s", errors.Join(err, process.Kill()), Tail(log.Name(), 20))
	}
	if err := process.Stop(dumpPatience); err != nil {
		return err
	}
	return t.check(ctx, log.Name())
}

func (t *training) jvm() JVM { return JVM{HeapMiB: trainingHeapMiB} }

// format formats with Kafka's own tool, which shows what this version writes.
func (t *training) format(ctx context.Context, properties string) error {
	id, err := NewID(rand.Reader)
	if err != nil {
		return err
	}
	data := filepath.Join(t.dir, "data")
	text, err := Server{
		NodeID: 0, DataDir: data, ControllerListener: "CONTROLLER", InterBrokerListener: "PLATFORM", SuperUsers: []string{"User:ANONYMOUS", "User:training"},
		Voters: []Voter{{NodeID: 0, Address: t.controller.Address()}},
		Listeners: []Listener{
			{Name: "PLATFORM", Protocol: "PLAINTEXT", Address: t.client.Address()},
			{Name: "LOGIN", Protocol: "SASL_PLAINTEXT", Address: t.login.Address(), Users: map[string]string{"training": "training"}},
			{Name: "CONTROLLER", Protocol: "PLAINTEXT", Address: t.controller.Address()},
		},
		Config: map[string]string{
			"offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "1", "group.initial.rebalance.delay.ms": "0",
			"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1", "transaction.state.log.num.partitions": "1",
			"log.cleaner.dedupe.buffer.size": "4194304",
		},
	}.Properties()
	if err != nil {
		return err
	}
	if err := os.WriteFile(properties, text, 0o600); err != nil {
		return err
	}
	arguments := append(t.installation.options(t.jvm(), ""), "kafka.tools.StorageTool", "format", "--cluster-id", id, "--standalone", "--config", properties)
	if output, err := exec.CommandContext(ctx, t.installation.Java, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("format: %w: %s", err, lastLines(string(output), 10))
	}
	t.installation.Bootstrap, err = os.ReadFile(filepath.Join(data, bootstrapFile))
	return err
}

// exercise makes the broker do what brokers do: it waits for it, writes, and reads in a group, through both listeners.
func (t *training) exercise(ctx context.Context, process *Process) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-process.Done():
			cancel(errors.New("the broker ended"))
		case <-ctx.Done():
		}
	}()
	if err := Await(ctx, t.client.Address()); err != nil {
		return err
	}
	admin, err := kgo.NewClient(kgo.SeedBrokers(t.client.Address()))
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := kadm.NewClient(admin).CreateTopic(ctx, 3, 1, nil, "training"); err != nil {
		return causeOf(ctx, err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(t.login.Address()), kgo.DefaultProduceTopic("training"), kgo.TransactionalID("training"),
		kgo.ConsumerGroup("training"), kgo.ConsumeTopics("training"), kgo.SASL(plain.Auth{User: "training", Pass: "training"}.AsMechanism()))
	if err != nil {
		return err
	}
	defer client.Close()
	return causeOf(ctx, produceAndConsume(ctx, client))
}

func produceAndConsume(ctx context.Context, client *kgo.Client) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	records := make([]*kgo.Record, trainingRecords)
	for n := range records {
		records[n] = kgo.StringRecord(strings.Repeat("training ", 10))
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	for read := 0; read < trainingRecords; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		read += fetches.NumRecords()
	}
	return client.CommitUncommittedOffsets(ctx)
}

// check makes sure that the archive is accepted: the JVM itself only warns, and runs on slowly.
func (t *training) check(ctx context.Context, log string) error {
	if _, err := os.Stat(t.archive); err != nil {
		return fmt.Errorf("the JVM wrote no archive: %s", Tail(log, 20))
	}
	options := append([]string{"-Xshare:on"}, t.installation.options(t.jvm(), "-XX:SharedArchiveFile="+t.archive)...)
	output, err := exec.CommandContext(ctx, t.installation.Java, append(options, ServerClass, "--version")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the JVM does not accept the archive that it wrote: %w: %s", err, lastLines(string(output), 10))
	}
	if !strings.HasSuffix(strings.TrimSpace(string(output)), t.installation.Version) {
		return fmt.Errorf("the broker says %q, and was expected to say %s", output, t.installation.Version)
	}
	return nil
}
