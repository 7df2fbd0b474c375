package process_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

// startPatience bounds the start of a JVM; a passing test never waits for it.
const startPatience = 5 * time.Minute

// await waits until a cluster is as it should be.
func await(t *testing.T, s *process.Substrate, what string, holds func(substrate.Observed) bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(startPatience); ; <-tick.C {
		o := observe(t, s, "pkc-a")
		if holds(o) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited for %s; observed %+v", what, o)
		}
	}
}

// A controller of its own and a broker, of the version before: the broker is upgraded, a wrong setting is told, and
// processes are found again where a crash kept their identity from being written down.
func TestControllerOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts Apache Kafka")
	}
	from, to := kafkatest.PortRange(t)
	c := config(t, t.TempDir(), from, to)
	s := open(t, c)
	t.Cleanup(func() { stop(s) })
	wanted := spec(1, false)
	wanted.Controllers, wanted.Version = 1, engine.PreviousVersion
	do(t, s, "pkc-a", substrate.Create, 0, wanted)
	do(t, s, "pkc-a", substrate.StartBroker, orrery.FirstController, wanted)
	do(t, s, "pkc-a", substrate.StartBroker, 0, wanted)
	await(t, s, "both to run", func(o substrate.Observed) bool {
		return len(o.Brokers) == 1 && len(o.Controllers) == 1 && o.Brokers[0].Running && o.Controllers[0].Running
	})
	if o := observe(t, s, "pkc-a"); o.Brokers[0].Version != engine.PreviousVersion || o.Controllers[0].Node != orrery.FirstController || o.Controllers[0].Version != engine.PreviousVersion {
		t.Errorf("observed %+v", o)
	}
	strangers(t, s, filepath.Join(c.Dir, "pkc-a"))
	forgotten(t, c, &s)

	do(t, s, "pkc-a", substrate.StopBroker, 0, wanted)
	await(t, s, "the broker's end", func(o substrate.Observed) bool { return !o.Brokers[0].Running && !o.Brokers[0].Stopping })
	wrong := wanted
	wrong.Configuration = map[string]string{"log.retention.ms": "soon"}
	do(t, s, "pkc-a", substrate.StartBroker, 0, wrong)
	await(t, s, "the wrong setting to be told", func(o substrate.Observed) bool {
		return !o.Brokers[0].Starting && strings.Contains(o.Brokers[0].Message, "log.retention.ms")
	})
	untilRefused(t, s, wrong)
	wanted.Version = engine.DefaultVersion
	do(t, s, "pkc-a", substrate.StartBroker, 0, wanted)
	await(t, s, "the upgraded broker", func(o substrate.Observed) bool {
		return o.Brokers[0].Running && o.Brokers[0].Version == engine.DefaultVersion
	})
	access, err := s.Access(t.Context(), "pkc-a")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(access.Seeds...), kgo.Dialer(access.Dial))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, "records"); err != nil {
		t.Error(err)
	}
}

// untilRefused starts a broker that ends at once again and again, until the substrate asks for a pause.
func untilRefused(t *testing.T, s *process.Substrate, wrong orrery.PSCSpec) {
	t.Helper()
	for end := time.Now().Add(startPatience); ; {
		err := s.Do(t.Context(), "pkc-a", substrate.Action{Verb: substrate.StartBroker, Spec: wrong})
		if orrery.ErrorCode(err) == orrery.Unavailable && strings.Contains(err.Error(), "in a row") && strings.Contains(err.Error(), "log.retention.ms") {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("no pause was asked for: %v", err)
		}
		await(t, s, "it to end again", func(o substrate.Observed) bool { return !o.Brokers[0].Starting })
	}
}

// strangers are nobody at the platform's listener: who has a certificate of another cluster, one for another listener, or
// none.
func strangers(t *testing.T, s *process.Substrate, dir string) {
	t.Helper()
	access, err := s.Access(t.Context(), "pkc-a")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := pki.OpenClusterAuthority(filepath.Join(dir, "ca"), "pkc-a", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := pki.OpenClusterAuthority(filepath.Join(t.TempDir(), "ca"), "pkc-a", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, who := range map[string]struct {
		authority *pki.Authority
		peer      pki.Peer
		accepted  bool
	}{
		"the operator":          {ours, pki.Peer{CommonName: "operator", Unit: "pkc-a"}, true},
		"one of another issuer": {theirs, pki.Peer{CommonName: "operator", Unit: "pkc-a"}, false},
		"one of another unit":   {ours, pki.Peer{CommonName: "operator", Unit: "pkc-b"}, false},
		"a controller":          {ours, pki.Peer{CommonName: "controller", Unit: "pkc-a"}, false},
		"somebody":              {ours, pki.Peer{CommonName: "operators", Unit: "pkc-a"}, false},
		"nobody":                {nil, pki.Peer{}, false},
	} {
		client := &tls.Config{RootCAs: ours.Root()}
		if who.authority != nil {
			certificate, err := who.authority.IssuePeer(who.peer, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			client.Certificates = []tls.Certificate{certificate.TLS}
		}
		if err := asks(access.Seeds[0], client); (err == nil) != who.accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// asks sends ApiVersions, version 0, and wants an answer.
func asks(address string, client *tls.Config) error {
	conn, err := tls.Dial("tcp", address, client)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 10))
	return err
}

// forgotten closes the substrate, makes it forget which processes run, and opens it again.
func forgotten(t *testing.T, c process.Config, s **process.Substrate) {
	t.Helper()
	if err := (*s).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.Dir, "pkc-a", "node-0", "process.json")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var note map[string]any
	if err := json.Unmarshal(content, &note); err != nil {
		t.Fatal(err)
	}
	before := processes{c.Dir}.pidOf(t)
	note["process"] = map[string]any{"pid": 0, "began": 0, "boot": ""}
	content, err = json.Marshal(note)
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if *s, err = process.New(c); err != nil {
		t.Fatal(err)
	}
	await(t, *s, "both to be found running", func(o substrate.Observed) bool { return o.Brokers[0].Running && o.Controllers[0].Running })
	if after := (processes{c.Dir}).pidOf(t); after != before {
		t.Errorf("the broker was process %d and is %d", before, after)
	}
}

// pidOf is the process of broker 0 by what is written down.
func (p processes) pidOf(t *testing.T) int {
	t.Helper()
	pid, err := p.PID("pkc-a", "broker", 0)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
