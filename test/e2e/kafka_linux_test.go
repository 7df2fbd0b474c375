package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/detached"
	"github.com/orrery-kafka/orrery/internal/poll"
)

// engineKafka is the flag of servers whose brokers are Apache Kafka.
const engineKafka = "--engine=kafka"

// processesOf returns the processes of a data directory, by the directory of each, without those that have ended and
// that nobody has waited for.
func processesOf(t *testing.T, dir string) map[string]detached.Identity {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	found, err := detached.Find(filepath.Join(dir, "clusters") + string(filepath.Separator))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// endProcesses ends what a test leaves, before its directory goes.
func endProcesses(t *testing.T, dir string) {
	for _, identity := range processesOf(t, dir) {
		p, err := detached.Adopt(identity)
		if err != nil || p == nil {
			continue
		}
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		<-p.Done()
	}
}

// createKeyPatiently creates an API key: one that is not in force in time is withdrawn, and asked for again.
func (s *server) createKeyPatiently(owner string, c cluster) (key apiKey) {
	s.t.Helper()
	poll.Patiently(s.t, func() error {
		status, made := s.api("POST", "/iam/v2/api-keys", object{"spec": object{
			"owner": object{"id": owner}, "resource": object{"id": c.id, "environment": c.environment},
		}})
		if status != http.StatusAccepted {
			return fmt.Errorf("%d: %v", status, made)
		}
		key = apiKey{made["id"].(string), at(made, "spec", "secret").(string)}
		return nil
	})
	return key
}

// TestApacheKafka runs the whole platform with brokers, gateways and balancers as processes of their own: clients need
// nothing of `orrery up`, which is killed and takes the same processes over again; SIGTERM ends them all.
func TestApacheKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	dir := t.TempDir()
	t.Cleanup(func() { endProcesses(t, dir) })
	s := start(t, dir, engineKafka, "--engine-cache="+os.Getenv("ORRERY_ENGINE_CACHE"))
	c := s.createCluster("orders", object{"kind": "Basic"})
	key := s.createKeyPatiently(s.userID(), c)
	ctx, cancel := context.WithTimeout(t.Context(), 10*deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, kgo.DefaultProduceTopic("events"))
	if _, err := kadm.NewClient(kafka).CreateTopic(ctx, 6, -1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	var written, unsure []string
	write := func(name string, count int) {
		t.Helper()
		var records []*kgo.Record
		for i := range count {
			records = append(records, kgo.StringRecord(fmt.Sprintf("%s-%d", name, i)))
			written = append(written, string(records[i].Value))
		}
		if err := kafka.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, s.output)
		}
	}
	write("first", 200)
	for p := range 6 { // whatever gateway a request comes to, it reaches every broker
		poll.Patiently(t, func() error {
			value := fmt.Sprintf("rest-%d-%d", p, len(unsure))
			err := s.produceByREST(c, key, "events", p, value)
			if err != nil {
				unsure = append(unsure, value)
				return err
			}
			written = append(written, value)
			return nil
		})
	}
	s.showsGateways(c, key)
	s.takesUpCertificates(kadm.NewClient(kafka), c)
	write("under another certificate", 50)

	before := processesOf(t, dir)
	if len(before) != 1+3+3+1 {
		t.Errorf("there are %d processes, want pkc-control, three brokers with their gateways, and a balancer: %v", len(before), slices.Sorted(maps.Keys(before)))
	}
	s.stop(syscall.SIGKILL)
	write("alone", 200) // nothing of the data path is in orrery up
	again := start(t, dir, s.flags...)
	if after := processesOf(t, dir); !maps.Equal(before, after) {
		t.Errorf("the processes were\n%v\nand are\n%v", before, after)
	}
	if got := again.waitCluster(c.id, c.environment); got != c {
		t.Errorf("the cluster was %+v and is %+v", c, got)
	}
	again.createKeyPatiently(again.userID(), c) // the control plane is in touch with the gateways it took over
	write("after", 50)
	got := readAll(t, again, c, key, "events")
	got = slices.DeleteFunc(got, func(value string) bool { return slices.Contains(unsure, value) })
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(written))) {
		t.Errorf("%d records were acknowledged, and %d are there", len(written), len(got))
	}
	kafka.Close()

	if code := again.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, again.output)
	}
	if left := processesOf(t, dir); len(left) > 0 {
		t.Errorf("SIGTERM left %v", left)
	}
	if out := upEnds(t, dir); !strings.Contains(out, "was made with --engine kafka") {
		t.Errorf("another engine on the same directory:\n%s", out)
	}
}

// rest makes a request of Kafka REST and returns the status and the body.
func (s *server) rest(method, url string, key apiKey, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.SetBasicAuth(key.id, key.secret)
	request.Header.Set("Content-Type", "application/json")
	httpClient := http.Client{Timeout: deadline, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.caPool(), MinVersion: tls.VersionTLS12},
	}}
	response, err := httpClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(answer)
}

// produceByREST writes one record by Kafka REST.
func (s *server) produceByREST(c cluster, key apiKey, topic string, partition int, value string) error {
	s.t.Helper()
	body := fmt.Sprintf(`{"partition_id":%d,"value":{"type":"STRING","data":%q}}`, partition, value)
	status, answer := s.rest("POST", c.rest+"/kafka/v3/clusters/"+c.id+"/topics/"+topic+"/records", key, body)
	if status != http.StatusOK || !strings.Contains(answer, `"error_code":200`) {
		return fmt.Errorf("partition %d by Kafka REST: %d, %s", partition, status, answer)
	}
	return nil
}

// showsGateways looks for what the gateways' processes tell: diagnostics and metrics at the API, and why a client was
// refused at any of them.
func (s *server) showsGateways(c cluster, key apiKey) {
	s.t.Helper()
	physical := at(s.must(http.StatusOK, "GET", "/orrery/v1/logical-clusters/"+c.id, nil), "status", "physical_cluster", "id")
	admin := apiKey{s.env["ORRERY_API_KEY"], s.env["ORRERY_API_SECRET"]}
	for node := range 3 {
		status, body := s.rest("GET", fmt.Sprintf("%s/debug/gateways/%s/%d?format=json", s.env["ORRERY_URL"], physical, node), admin, "")
		if status != http.StatusOK || !strings.Contains(body, `"ready":true`) {
			s.t.Errorf("the diagnostics of gateway %d: %d, %s", node, status, body)
		}
	}
	poll.Patiently(s.t, func() error { // a gateway that has not answered in time is left out
		_, metrics := s.rest("GET", s.env["ORRERY_URL"]+"/metrics", admin, "")
		for node := range 3 {
			if want := fmt.Sprintf(`orrery_gateway_connections{node="%d",physical_cluster="%s"}`, node, physical); !strings.Contains(metrics, want) {
				return fmt.Errorf("the metrics lack %s", want)
			}
		}
		if want := fmt.Sprintf(`orrery_role_up{physical_cluster="%s",role="balancer"} 1`, physical); !strings.Contains(metrics, want) {
			return fmt.Errorf("the metrics lack %s", want)
		}
		return nil
	})
	wrong := s.kafka(c.bootstrap, apiKey{key.id, "wrong"}, kgo.RequestRetries(0))
	if err := wrong.Ping(s.t.Context()); err == nil {
		s.t.Error("a wrong secret is right")
	}
	poll.Patiently(s.t, func() error {
		status, answer := s.rest("GET", c.rest+"/orrery/v1/logical-clusters/"+c.id+"/why", key, "")
		var why struct {
			Data []struct {
				Kind     string `json:"kind"`
				APIKeyID string `json:"api_key_id"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(answer), &why); status != http.StatusOK || err != nil {
			return fmt.Errorf("%d: %s", status, answer)
		}
		for _, refusal := range why.Data {
			if refusal.Kind == "closed" && refusal.APIKeyID == key.id {
				return nil
			}
		}
		return fmt.Errorf("a failed login is not told: %s", answer)
	})
}

// takesUpCertificates has every certificate of the gateways issued anew, and waits until each address shows the new one.
func (s *server) takesUpCertificates(admin *kadm.Client, c cluster) {
	s.t.Helper()
	brokers, err := admin.ListBrokers(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	addresses := []string{c.bootstrap, strings.TrimPrefix(c.rest, "https://")}
	for _, b := range brokers {
		addresses = append(addresses, net.JoinHostPort(b.Host, fmt.Sprint(b.Port)))
	}
	if len(addresses) != 2+3 {
		s.t.Fatalf("the addresses are %v", addresses)
	}
	shown := func(address string) string {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // only its number matters here
		conn, err := dialer.DialContext(s.t.Context(), "tcp", address)
		if err != nil {
			return ""
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	var before string
	poll.Patiently(s.t, func() error {
		if before = shown(c.bootstrap); before == "" {
			return errors.New("no certificate is shown")
		}
		return nil
	})
	s.must(http.StatusOK, "PATCH", "/orrery/v1/root-authority", object{"step": "TRUST"})
	for _, address := range addresses {
		poll.Patiently(s.t, func() error {
			if now := shown(address); now == "" || now == before {
				return fmt.Errorf("%s shows the certificate %q", address, now)
			}
			return nil
		})
	}
}

// upEnds returns what `orrery up` says that must not start.
func upEnds(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	s := launch(t, dir, flags...)
	select {
	case err := <-s.exited:
		s.exited <- err
		if err == nil {
			t.Errorf("it ended without an error:\n%s", s.output)
		}
	case <-time.After(deadline):
		t.Fatalf("it runs:\n%s", s.output)
	}
	return s.output.String()
}

// TestEngineOfADirectory: a directory stays with its engine, and what Apache Kafka lacks is said at once.
func TestEngineOfADirectory(t *testing.T) {
	made := t.TempDir()
	s := start(t, made)
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if out := upEnds(t, made, engineKafka); !strings.Contains(out, "was made with --engine embedded") || !strings.Contains(out, "--dir") {
		t.Errorf("a directory of the embedded engine:\n%s", out)
	}
	start(t, made) // it is as it was

	t.Setenv("JAVA_HOME", filepath.Join(t.TempDir(), "nothing"))
	fresh := t.TempDir()
	out := upEnds(t, fresh, engineKafka)
	if !strings.Contains(out, "there is no java program in it") || !strings.Contains(out, "install Java 17") {
		t.Errorf("without Java:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(fresh, "clusters")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without Java something was made: %v", err)
	}
	var exit *exec.ExitError
	if err := exec.Command(binary, "up", "--engine", "rabbit").Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("an engine that there is not: %v", err)
	}
}
