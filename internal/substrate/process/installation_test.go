package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/engine"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/internal/substrate"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

func do(t *testing.T, s *process.Substrate, id string, verb substrate.Verb, node int32, spec orrery.PSCSpec) {
	t.Helper()
	if err := s.Do(t.Context(), id, substrate.Action{Verb: verb, Node: node, Spec: spec, Proof: "test"}); err != nil {
		t.Fatalf("%s %s %d: %v", id, verb, node, err)
	}
}

func observe(t *testing.T, s *process.Substrate, id string) substrate.Observed {
	t.Helper()
	o, err := s.Observe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A version that has to be fetched first holds nobody up: the broker is on its way, and says what it waits for.
func TestInstallationIsAwaited(t *testing.T) {
	from, to := kafkatest.PortRange(t)
	c := config(t, t.TempDir(), from, to)
	attempts, outcome := make(chan string), make(chan error)
	c.Install = func(ctx context.Context, version string, progress io.Writer) (engine.Installation, error) {
		fmt.Fprintln(progress, "fetching Apache Kafka")
		select {
		case attempts <- version:
		case <-ctx.Done():
			return engine.Installation{}, ctx.Err()
		}
		select {
		case err := <-outcome:
			return engine.Installation{}, err
		case <-ctx.Done():
			return engine.Installation{}, ctx.Err()
		}
	}
	changed := make(chan string, 100)
	c.Changed = func(id string) {
		select {
		case changed <- id:
		default:
		}
	}
	s := open(t, c)
	do(t, s, "pkc-a", substrate.Create, 0, spec(3, false))
	for node := range int32(3) {
		do(t, s, "pkc-a", substrate.StartBroker, node, spec(3, false))
	}
	if version := <-attempts; version != engine.DefaultVersion {
		t.Errorf("version %s was asked for", version)
	}
	do(t, s, "pkc-a", substrate.StartBroker, 2, spec(3, false)) // for the second time
	poll.Until(t, "the progress to be told", func() bool {
		b := observe(t, s, "pkc-a").Brokers[2]
		return b.Starting && !b.Running && strings.Contains(b.Message, engine.DefaultVersion+" is being made ready")
	})
	do(t, s, "pkc-a", substrate.StopBroker, 1, spec(3, false))
	if b := observe(t, s, "pkc-a").Brokers[1]; b.Starting || b.Stopping || b.Message != "it was stopped on purpose" {
		t.Errorf("observed %+v", b)
	}
	outcome <- errors.New("there is no Java")
	poll.Until(t, "the failure to be told", func() bool {
		o := observe(t, s, "pkc-a")
		return !o.Brokers[0].Starting && strings.Contains(o.Brokers[0].Message, "there is no Java") && !o.Brokers[2].Starting
	})
	if b := observe(t, s, "pkc-a").Brokers[1]; b.Message != "it was stopped on purpose" {
		t.Errorf("observed %+v", b)
	}
	if id := <-changed; id != "pkc-a" {
		t.Errorf("%s has changed", id)
	}
	do(t, s, "pkc-a", substrate.StartBroker, 0, spec(3, false)) // it is tried again
	<-attempts
	if err := s.Close(); err != nil { // which ends the attempt
		t.Error(err)
	}
}

// A cluster whose files are damaged has an error that says what to do; the others go on.
func TestDamageStaysWithItsCluster(t *testing.T) {
	for name, damage := range map[string]struct {
		file, content, want string
	}{
		"record garbage":        {"cluster.json", "\x00", "restore it from a backup"},
		"record of the future":  {"cluster.json", `{"format":2}`, "use the version of orrery that wrote it"},
		"record without nodes":  {"cluster.json", `{"format":1,"id":"pkc-a","spec":{"engine":"apache","version":"4.3.1","brokers":1}}`, "damaged"},
		"process of nobody":     {"node-0/process.json", "{", "end that process and remove the file"},
		"process of the future": {"node-0/process.json", `{"format":2}`, "use the version of orrery that wrote it"},
		"no authority":          {"ca/ca.pem", "", "restore"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := kafkatest.PortRange(t)
			c := config(t, t.TempDir(), from, to)
			s := open(t, c)
			do(t, s, "pkc-a", substrate.Create, 0, spec(1, true))
			do(t, s, "pkc-b", substrate.Create, 0, spec(1, true))
			s.Close()
			path := filepath.Join(c.Dir, "pkc-a", damage.file)
			err := os.MkdirAll(filepath.Dir(path), 0o700)
			if damage.content == "" {
				err = errors.Join(err, os.Remove(path))
			} else {
				err = errors.Join(err, os.WriteFile(path, []byte(damage.content), 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			s = open(t, c)
			if _, err := s.Observe(t.Context(), "pkc-a"); err == nil || !strings.Contains(err.Error(), damage.want) {
				t.Errorf("got %v, want something with %q", err, damage.want)
			}
			for _, verb := range []substrate.Verb{substrate.StartBroker, substrate.Delete} {
				if err := s.Do(t.Context(), "pkc-a", substrate.Action{Verb: verb, Spec: spec(1, true), Proof: "test"}); err == nil {
					t.Errorf("%s was done", verb)
				}
			}
			do(t, s, "pkc-b", substrate.Configure, 0, spec(1, true))
			if ids, _ := s.List(t.Context()); len(ids) != 2 {
				t.Errorf("List: %v", ids)
			}
		})
	}
}

func TestRefusedSpecs(t *testing.T) {
	from, _ := kafkatest.PortRange(t)
	s := open(t, config(t, t.TempDir(), from, from+10))
	for want, change := range map[string]func(*orrery.PSCSpec){
		"spec says 2":      func(s *orrery.PSCSpec) { s.Controllers = 2 },
		"is not known":     func(s *orrery.PSCSpec) { s.Version = "1.0" },
		"the platform's":   func(s *orrery.PSCSpec) { s.Configuration = map[string]string{"Super.Users": "User:ANONYMOUS"} },
		"needs 9 ports":    func(s *orrery.PSCSpec) { s.Brokers = 3 },
		"cannot run as pr": func(s *orrery.PSCSpec) { s.Engine = orrery.EngineEmbedded },
	} {
		bad := spec(1, true)
		change(&bad)
		if err := s.Do(t.Context(), "pkc-a", substrate.Action{Verb: substrate.Create, Spec: bad}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if ids, _ := s.List(t.Context()); len(ids) != 0 {
		t.Errorf("List: %v", ids)
	}
}
