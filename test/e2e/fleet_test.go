package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/poll"
)

// startMothership runs `orrery mothership` on dir and waits until its API answers.
func startMothership(t *testing.T, dir string) *server {
	t.Helper()
	var s *server
	poll.Until(t, "the mothership's ports to be free", func() bool {
		s = launchRole(t, dir, []string{"mothership", "--dir", dir, "--listen", "127.0.0.1:0", "--link-listen", "127.0.0.1:0"})
		return s.waitReady()
	})
	return s
}

// startSatellite runs `orrery satellite` on dir for a region and waits until it is up. With a mothership it may register.
func startSatellite(t *testing.T, dir, region string, mothership *server) *server {
	t.Helper()
	var s *server
	poll.Until(t, "the satellite's ports to be free", func() bool {
		s = launchSatellite(t, dir, region, mothership)
		taken := false
		poll.Until(t, "the satellite to be up", func() bool {
			select {
			case err := <-s.exited:
				s.exited <- err
				if taken = strings.Contains(s.output.String(), portTaken); !taken {
					t.Fatalf("orrery satellite ended: %v\n%s", err, s.output)
				}
			default:
			}
			return taken || strings.Contains(s.output.String(), "is up")
		})
		return !taken
	})
	return s
}

func launchSatellite(t *testing.T, dir, region string, mothership *server) *server {
	t.Helper()
	arguments := []string{"satellite", "--dir", dir, "--kafka-ports", "0-0", "--region", "aws/" + region, "--lease", "20s", "--label", "rack=7"}
	if mothership == nil {
		return launchRole(t, dir, arguments)
	}
	return launchRole(t, dir, append(arguments, "--url", mothership.env["ORRERY_URL"]),
		"ORRERY_API_KEY="+mothership.env["ORRERY_API_KEY"], "ORRERY_API_SECRET="+mothership.env["ORRERY_API_SECRET"])
}

// satellites returns the satellites of a region, by id, with a condition of each as STATUS/REASON.
func (s *server) satellites(region, condition string) map[string]string {
	s.t.Helper()
	found := map[string]string{}
	list := s.must(http.StatusOK, "GET", "/orrery/v1/satellites?page_size=100", nil)
	rows, _ := list["data"].([]any)
	for _, row := range rows {
		if at(row, "spec", "region") != region {
			continue
		}
		id := at(row, "id").(string)
		found[id] = ""
		conditions, _ := at(row, "status", "conditions").([]any)
		for _, c := range conditions {
			if at(c, "type") == condition {
				found[id] = fmt.Sprint(at(c, "status"), "/", at(c, "reason"))
			}
		}
	}
	return found
}

// waitSatellite waits until the only satellite of a region has a condition as STATUS/REASON, and returns its id.
func (s *server) waitSatellite(region, condition, want string) (id string) {
	s.t.Helper()
	poll.Patiently(s.t, func() error {
		found := s.satellites(region, condition)
		if len(found) > 1 {
			s.t.Fatalf("there are several satellites in %s: %v", region, found)
		}
		for known, got := range found {
			id = known
			if got == want {
				return nil
			}
		}
		return fmt.Errorf("the satellites of %s have %s %v, want %s", region, condition, found, want)
	})
	return id
}

// placedOn returns the satellite of a cluster, and why it is there.
func (s *server) placedOn(c string) (satelliteID, reasons string) {
	s.t.Helper()
	decision := s.must(http.StatusOK, "GET", "/orrery/v1/placement-decisions/"+c, nil)
	satelliteID, _ = at(decision, "satellite", "id").(string)
	return satelliteID, fmt.Sprint(decision["reasons"])
}

// generations returns the desired generation of every physical cluster.
func (s *server) generations() string {
	s.t.Helper()
	var all []string
	rows, _ := s.must(http.StatusOK, "GET", "/orrery/v1/physical-clusters?page_size=100", nil)["data"].([]any)
	for _, row := range rows {
		all = append(all, fmt.Sprint(at(row, "id"), at(row, "generation")))
	}
	return strings.Join(all, " ")
}

// TestFleet runs a mothership and two satellites as processes of their own. Clusters go where their region is; a satellite
// that dies is left out, and the others' tenants notice nothing; without the mothership everything goes on, also over a
// restart of a satellite, and when it is back all is as it was.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three processes, and waits for a lease to run out")
	}
	m := startMothership(t, t.TempDir())
	refuseSatellite(t, m)
	eastDir, westDir := t.TempDir(), t.TempDir()
	east, west := startSatellite(t, eastDir, "us-east-1", m), startSatellite(t, westDir, "us-west-2", m)
	eastID, westID := m.waitSatellite("us-east-1", "Ready", "True/Ready"), m.waitSatellite("us-west-2", "Ready", "True/Ready")

	orders := m.createCluster("orders", object{"kind": "Basic"})
	billing := m.waitCluster(m.askForCluster("billing", "us-west-2", object{"kind": "Basic"}))
	for c, want := range map[string]string{orders.id: eastID, billing.id: westID} {
		if got, why := m.placedOn(c); got != want {
			t.Fatalf("%s is on %s, and not on %s: %s", c, got, want, why)
		}
	}
	user := m.userID()
	key, otherKey := m.createKey(user, orders), m.createKey(user, billing)
	for c, k := range map[cluster]apiKey{orders: key, billing: otherKey} {
		if err := firstRecord(m, c, k, true); err != nil {
			t.Fatalf("%s: %v", c.id, err)
		}
	}

	west.stop(syscall.SIGKILL)
	m.waitSatellite("us-west-2", "LeaseCurrent", "False/LeaseExpired")
	waiting, environment := m.askForCluster("waiting", "us-west-2", object{"kind": "Dedicated", "cku": 1})
	poll.Until(t, "placement to leave out the satellite that is lost", func() bool {
		logical := m.must(http.StatusOK, "GET", "/orrery/v1/logical-clusters/"+waiting, nil)
		reason, _ := at(logical, "status", "state", "reason").(string)
		return strings.Contains(reason, "can take new clusters at the moment")
	})
	if got, why := m.placedOn(waiting); got != "" || !strings.Contains(why, "satellite-lease") {
		t.Errorf("the cluster that waits is on %q: %s", got, why)
	}
	m.createCluster("more", object{"kind": "Basic"})
	if err := firstRecord(m, orders, key, false); err != nil {
		t.Errorf("a tenant of the other satellite: %v", err)
	}

	before := m.generations()
	m.stop(syscall.SIGKILL)
	if err := firstRecord(m, orders, key, false); err != nil {
		t.Errorf("without the mothership: %v", err)
	}
	east.stop(syscall.SIGKILL)
	east = startSatellite(t, eastDir, "us-east-1", nil)
	poll.Success(t, func() error { return firstRecord(m, orders, key, false) })
	if got := readAll(t, m, orders, key, "first"); len(got) < 4 {
		t.Errorf("%d records are left of 4 that were acknowledged", len(got))
	}

	m = startMothership(t, m.dir)
	startSatellite(t, westDir, "us-west-2", nil)
	for region, want := range map[string]string{"us-east-1": eastID, "us-west-2": westID} {
		m.waitSatellite(region, "LeaseCurrent", "True/Renewed")
		if got := m.waitSatellite(region, "CertificatesValid", "True/Valid"); got != want {
			t.Errorf("%s's satellite was %s and is %s", region, want, got)
		}
	}
	if c := m.waitCluster(waiting, environment); c.bootstrap == "" {
		t.Error("the cluster that waited has no address")
	}
	if after := m.generations(); !strings.HasPrefix(after, before) {
		t.Errorf("generations were %s and are %s", before, after)
	}
	if err := firstRecord(m, orders, m.createKey(user, orders), false); err != nil {
		t.Errorf("with a key that was made after the mothership's return: %v", err)
	}
	if err := firstRecord(m, billing, otherKey, false); err != nil {
		t.Errorf("a tenant of the satellite that was lost: %v", err)
	}
	if out := m.cli("satellite", "describe", eastID); !strings.Contains(out, "rack=7") || !strings.Contains(out, "LeaseCurrent") {
		t.Errorf("the CLI says\n%s", out)
	}
	if code := east.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("the satellite ends with %d on SIGTERM", code)
	}
}

// refuseSatellite tries to register without a key, and with one that may not.
func refuseSatellite(t *testing.T, m *server) {
	t.Helper()
	account := m.must(http.StatusCreated, "POST", "/iam/v2/service-accounts", object{"display_name": "nobody"})
	made := m.must(http.StatusAccepted, "POST", "/iam/v2/api-keys", object{"spec": object{"owner": object{"id": account["id"]}, "resource": object{"id": "cloud"}}})
	stranger := &server{t: t, env: map[string]string{"ORRERY_URL": m.env["ORRERY_URL"], "ORRERY_API_KEY": made["id"].(string), "ORRERY_API_SECRET": at(made, "spec", "secret").(string)}}
	for want, who := range map[string]*server{"has not registered yet": nil, "only an OrganizationAdmin of the organization that runs this installation": stranger} {
		s := launchSatellite(t, t.TempDir(), "us-east-1", who)
		select {
		case err := <-s.exited:
			s.exited <- err
			if err == nil || !strings.Contains(s.output.String(), want) {
				t.Errorf("it ends with %v and without %q:\n%s", err, want, s.output)
			}
		case <-time.After(deadline):
			t.Fatalf("a satellite that may not register runs:\n%s", s.output)
		}
	}
	if found := m.satellites("us-east-1", "Ready"); len(found) > 0 {
		t.Errorf("satellites have registered: %v", found)
	}
}
