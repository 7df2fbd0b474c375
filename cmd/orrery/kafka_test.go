package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/pki"
)

// kafkaServer is a Kafka endpoint as a cluster of the service has one: TLS with an authority of its own, and
// SASL/PLAIN.
type kafkaServer struct {
	bootstrap, caFile string
	environ           []string // with what a client needs
}

func startKafka(t *testing.T) kafkaServer { return startSteeredKafka(t, func(*kfake.Cluster) {}) }

// startSteeredKafka lets a test answer some requests itself: kfake closes the connection where the service's
// gateway says why a login is refused.
func startSteeredKafka(t *testing.T, steer func(*kfake.Cluster)) kafkaServer {
	t.Helper()
	now := time.Now()
	authority, err := pki.OpenRoot(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue("gateway", pki.Loopback(), now)
	if err != nil {
		t.Fatal(err)
	}
	reloader := new(pki.Reloader)
	reloader.Swap(certificate)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(reloader.ServerConfig()), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "KEY", "secret"), kfake.SeedTopics(1, "greetings"), kfake.SeedTopics(3, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	steer(cluster)
	home := t.TempDir()
	s := kafkaServer{bootstrap: cluster.ListenAddrs()[0], caFile: write(t, home, "ca.pem", string(authority.RootPEM()))}
	s.environ = []string{"HOME=" + home, "ORRERY_KAFKA_BOOTSTRAP=" + s.bootstrap, "ORRERY_KAFKA_API_KEY=KEY", "ORRERY_KAFKA_API_SECRET=secret", "ORRERY_CA_FILE=" + s.caFile}
	return s
}

// ok runs a command that must succeed and returns what it printed.
func (s kafkaServer) ok(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	got := invoke(t, s.environ, stdin, args...)
	if got.code != exitOK {
		t.Fatalf("orrery %s: exit code %d: %s", strings.Join(args, " "), got.code, got.stderr)
	}
	return got.stdout
}

func TestProduceAndConsume(t *testing.T) {
	s := startKafka(t)
	s.ok(t, "hello\n\nlast line without its end", "kafka", "topic", "produce", "greetings")
	if got := s.ok(t, "", "kafka", "topic", "consume", "greetings", "--from-beginning", "-n", "3"); got != "hello\n\nlast line without its end\n" {
		t.Errorf("consumed %q", got)
	}
	if got := s.ok(t, "", "kafka", "topic", "consume", "greetings", "-b", "-n", "1", "--print-offset", "--print-key"); got != "0/0\tnull:hello\n" {
		t.Errorf("consumed %q", got)
	}

	s.ok(t, "user-7:signed up: twice\n", "kafka", "topic", "produce", "events", "--parse-key")
	s.ok(t, "user-8=>\n", "kafka", "topic", "produce", "events", "--parse-key", "--delimiter", "=>")
	got := s.ok(t, "", "kafka", "topic", "consume", "events", "-b", "-n", "2", "--print-key", "--delimiter", "|", "--group", "readers")
	if got != "user-7|signed up: twice\nuser-8|\n" && got != "user-8|\nuser-7|signed up: twice\n" {
		t.Errorf("consumed %q", got)
	}
	if got := s.ok(t, "", "kafka", "topic", "consume", "events", "-b", "--timeout", "300ms", "--group", "readers"); got != "" {
		t.Errorf("the group reads %q again, which it had committed", got)
	}

	document := struct {
		Topic, Key, Value string
		Offset            int64
	}{}
	if err := json.Unmarshal([]byte(s.ok(t, "", "kafka", "topic", "consume", "greetings", "-b", "-n", "1", "-o", "json")), &document); err != nil {
		t.Fatal(err)
	}
	if document.Topic != "greetings" || document.Value != "hello" || document.Offset != 0 {
		t.Errorf("as JSON: %+v", document)
	}
}

// TestGroupCommitsOnlyWhatWasPrinted ends in the middle of a batch.
func TestGroupCommitsOnlyWhatWasPrinted(t *testing.T) {
	s := startKafka(t)
	s.ok(t, "1\n2\n3\n4\n", "kafka", "topic", "produce", "greetings")
	var all string
	for range 2 {
		all += s.ok(t, "", "kafka", "topic", "consume", "greetings", "-b", "-n", "2", "--group", "g")
	}
	if all != "1\n2\n3\n4\n" {
		t.Errorf("two readers of one group read %q", all)
	}
}

func TestConsumeThatFindsTooLittle(t *testing.T) {
	s := startKafka(t)
	got := invoke(t, s.environ, "", "kafka", "topic", "consume", "greetings", "-b", "-n", "2", "--timeout", "200ms")
	if got.code != exitFailure || !strings.Contains(got.stderr, "only 0 of 2 records came") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	got = invoke(t, s.environ, "", "kafka", "topic", "consume", "greetings", "-b", "--timeout", "200ms")
	if got.code != exitOK || !strings.Contains(got.stderr, "0 records read") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
}

// TestInterruptedCommands ends commands as Ctrl-C does: a reader that waits, and a writer whose input stays open.
func TestInterruptedCommands(t *testing.T) {
	s := startKafka(t)
	run := func(stdin io.Reader, stdout io.Writer, args ...string) (cancel context.CancelFunc, ended chan outcome) {
		ctx, cancel := context.WithCancel(t.Context())
		ended = make(chan outcome, 1)
		go func() {
			var stderr bytes.Buffer
			code := newProgram(s.environ, stdin, stdout, &stderr).run(ctx, args)
			ended <- outcome{stderr: stderr.String(), code: code}
		}()
		return cancel, ended
	}
	read, written := io.Pipe()
	cancel, ended := run(strings.NewReader(""), written, "kafka", "topic", "consume", "greetings", "-b", "--group", "g")
	typed, keyboard := io.Pipe()
	cancelProducer, producerEnded := run(typed, io.Discard, "kafka", "topic", "produce", "greetings")
	if _, err := io.WriteString(keyboard, "hello\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 6)
	if _, err := io.ReadFull(read, line); err != nil || string(line) != "hello\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	cancel()
	cancelProducer()
	for _, ended := range []chan outcome{ended, producerEnded} {
		select {
		case got := <-ended:
			if got.code != exitOK || !strings.Contains(got.stderr, "1 record ") {
				t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the command goes on after its context ended")
		}
	}
	keyboard.Close()
	if got := invoke(t, s.environ, "", "kafka", "topic", "consume", "greetings", "-b", "--group", "g", "--timeout", "200ms"); got.stdout != "" {
		t.Errorf("what was printed before the interruption is not committed: %q", got.stdout)
	}
}

func TestKafkaMistakes(t *testing.T) {
	s := startKafka(t)
	stranger := startKafka(t)
	refusing := startSteeredKafka(t, func(c *kfake.Cluster) {
		c.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
			response.ErrorCode = kerr.SaslAuthenticationFailed.Code
			return response, nil, true
		})
	})
	scram := startSteeredKafka(t, func(c *kfake.Cluster) {
		c.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			response := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
			response.ErrorCode, response.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, []string{"SCRAM-SHA-512"}
			return response, nil, true
		})
	})
	plaintext, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plaintext.Close()
	go func() {
		for {
			c, err := plaintext.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "220 ready\r\n")
			c.Close()
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, test := range []struct {
		name    string
		environ []string // added
		topic   string
		code    int
		want    []string
	}{
		{"wrong secret", append(refusing.environ, "ORRERY_KAFKA_API_SECRET=wrong"), "greetings", exitFailure, []string{"refuses the API key KEY", "orrery api-key create --resource"}},
		{"a CA file of another authority", []string{"ORRERY_CA_FILE=" + stranger.caFile}, "greetings", exitFailure, []string{"signed by an unknown authority", stranger.caFile, "--ca-file"}},
		{"no CA file", []string{"ORRERY_CA_FILE="}, "greetings", exitFailure, []string{"signed by an unknown authority", "--ca-file or ORRERY_CA_FILE"}},
		{"a CA file that is not there", []string{"ORRERY_CA_FILE=/nonexistent/ca.pem"}, "greetings", exitFailure, []string{"/nonexistent/ca.pem does not exist"}},
		{"a CA file that is none", []string{"ORRERY_CA_FILE=/dev/null"}, "greetings", exitFailure, []string{"holds no certificate"}},
		{"a login that ends in silence", []string{"ORRERY_KAFKA_API_SECRET=wrong"}, "greetings", exitFailure, []string{"closed the connection while logging in"}},
		{"a topic that is not there", nil, "nothing", exitFailure, []string{"the topic nothing does not exist", "orrery kafka topic create nothing"}},
		{"SASL/PLAIN where only SCRAM is offered", scram.environ, "greetings", exitFailure, []string{"does not offer this SASL mechanism"}},
		{"nobody there", []string{"ORRERY_KAFKA_BOOTSTRAP=" + closed.Addr().String()}, "greetings", exitFailure, []string{"nothing answers at " + closed.Addr().String()}},
		{"not TLS", []string{"ORRERY_KAFKA_BOOTSTRAP=" + plaintext.Addr().String()}, "greetings", exitFailure, []string{"does not speak TLS"}},
		{"an address without a port", []string{"ORRERY_KAFKA_BOOTSTRAP=127.0.0.1"}, "greetings", exitUsage, []string{"is not HOST:PORT"}},
		{"half a key", []string{"ORRERY_KAFKA_API_SECRET="}, "greetings", exitUsage, []string{"belong together"}},
		{"no key", []string{"ORRERY_KAFKA_API_KEY=", "ORRERY_KAFKA_API_SECRET="}, "greetings", exitFailure, []string{"there is no API key", "orrery api-key create --resource CLUSTER --save"}},
		{"no key for a known cluster", []string{"ORRERY_KAFKA_API_KEY=", "ORRERY_KAFKA_API_SECRET=", "ORRERY_CLUSTER=lkc-abc123"}, "greetings", exitFailure, []string{"orrery api-key create --resource lkc-abc123 --save"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			environ := append(append([]string{}, s.environ...), test.environ...)
			for _, args := range [][]string{{"kafka", "topic", "produce", test.topic}, {"kafka", "topic", "consume", test.topic, "-b"}} {
				got := invoke(t, environ, "hello\n", args...)
				if got.code != test.code || !strings.HasPrefix(got.stderr, "error: ") {
					t.Fatalf("%s: exit code %d, stderr %q", args[2], got.code, got.stderr)
				}
				for _, want := range test.want {
					if !strings.Contains(got.stderr, want) {
						t.Errorf("%s: stderr is %q, want %q in it", args[2], got.stderr, want)
					}
				}
				if strings.Contains(got.stderr, "secret=") || strings.Contains(got.stderr, "wrong") {
					t.Errorf("%s shows a secret: %q", args[2], got.stderr)
				}
			}
		})
	}
}

func TestProduceBadLines(t *testing.T) {
	s := startKafka(t)
	got := invoke(t, s.environ, "a:1\nb\nc:3\n", "kafka", "topic", "produce", "greetings", "--parse-key")
	if got.code != exitFailure || !strings.Contains(got.stderr, `line 2 has no ":"`) || !strings.Contains(got.stderr, "1 record acknowledged before the error") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	got = invoke(t, s.environ, strings.Repeat("x", maxProduceLine+1), "kafka", "topic", "produce", "greetings")
	if got.code != exitFailure || !strings.Contains(got.stderr, "line 1 is longer than") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
	got = invoke(t, s.environ, "x\n", "kafka", "topic", "produce", "greetings", "--parse-key", "--delimiter", "")
	if got.code != exitUsage {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestConsumeIntoABrokenPipe(t *testing.T) {
	s := startKafka(t)
	s.ok(t, "hello\n", "kafka", "topic", "produce", "greetings")
	var stderr bytes.Buffer
	if code := newProgram(s.environ, nil, brokenPipe{}, &stderr).run(t.Context(), []string{"kafka", "topic", "consume", "greetings", "-b"}); code != exitFailure {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func TestSavedKey(t *testing.T) {
	s := startKafka(t)
	environ := append(append([]string{}, s.environ...), "ORRERY_KAFKA_API_KEY=", "ORRERY_KAFKA_API_SECRET=", "ORRERY_CLUSTER=lkc-abc123")
	path, err := newProgram(environ, nil, nil, nil).saveKey("lkc-abc123", savedKey{"KEY", "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, environ, "hello\n", "kafka", "topic", "produce", "greetings"); got.code != exitOK {
		t.Errorf("with the saved key %s: exit code %d, stderr %q", path, got.code, got.stderr)
	}
}

func TestRecordFormat(t *testing.T) {
	record := &kgo.Record{Topic: "t", Partition: 2, Offset: 7, Key: []byte{0xff}, Value: []byte(`<a>"`), Timestamp: time.UnixMilli(1700000000123),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}, {Key: "n"}}}
	if got, want := printed(t, recordFormat{offset: true, key: true, timestamp: true, delimiter: ":"}, record), "2023-11-14T22:13:20.123Z\t2/7\t\xff:<a>\"\n"; got != want {
		t.Errorf("as text %q, want %q", got, want)
	}
	want := `{"topic":"t","partition":2,"offset":7,"timestamp":"2023-11-14T22:13:20.123Z","key_base64":"/w==","value":"<a>\"","headers":[{"name":"h","value":"v"},{"name":"n"}]}` + "\n"
	if got := printed(t, recordFormat{json: true}, record); got != want {
		t.Errorf("as JSON %s, want %s", got, want)
	}
	if got := printed(t, recordFormat{key: true, delimiter: " "}, &kgo.Record{Key: []byte{}}); got != " null\n" {
		t.Errorf("an empty key and no value: %q", got)
	}
}

func printed(t *testing.T, f recordFormat, r *kgo.Record) string {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := errors.Join(f.write(w, r), w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEachLineIsBounded(t *testing.T) {
	var got []string
	err := eachLine(t.Context(), strings.NewReader("a\r\nb\n"), func(number int, line []byte) error {
		got = append(got, fmt.Sprintf("%d %s", number, line))
		return nil
	})
	if err != nil || strings.Join(got, ",") != "1 a,2 b" {
		t.Errorf("got %q, %v", got, err)
	}
}
