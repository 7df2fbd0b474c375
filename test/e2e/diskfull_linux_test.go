package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestDiskFull fills the disk under a running server: producers and the API get errors, nothing that was
// acknowledged is lost, and with room again everything goes on after a restart.
func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system takes root")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("this machine does not let root mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := start(t, filepath.Join(disk, "data"))
	c := s.createCluster("full", object{"kind": "Basic"})
	key := s.createKey(s.userID(), c)
	acknowledged := fill(t, s, c, key)
	if status, answer := s.api("POST", "/org/v2/environments", object{"display_name": strings.Repeat("x", 60)}); status == http.StatusCreated {
		t.Log("the store still had room")
	} else if detail, _ := at(answer, "errors", 0, "detail").(string); status != http.StatusServiceUnavailable || !strings.Contains(detail, "full") {
		t.Errorf("the API on a full disk: %d %q", status, detail)
	}
	s.stop(syscall.SIGKILL)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	again := start(t, s.dir)
	got := map[string]bool{}
	for _, value := range readAll(t, again, again.waitCluster(c.id, c.environment), key, "big") {
		got[value[:8]] = true
	}
	for _, id := range acknowledged {
		if !got[id] {
			t.Fatalf("of %d acknowledged records at least %s is lost; %d are there", len(acknowledged), id, len(got))
		}
	}
	if err := firstRecord(again, c, key, true); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// fill produces until the broker refuses and returns the first eight characters of each acknowledged record.
func fill(t *testing.T, s *server, c cluster, key apiKey) (acknowledged []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	kafka := s.kafka(c.bootstrap, key, kgo.DefaultProduceTopic("big"), kgo.RecordRetries(0), kgo.RequestRetries(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if _, err := kadm.NewClient(kafka).CreateTopic(ctx, 1, -1, nil, "big"); err != nil {
		t.Fatal(err)
	}
	padding := strings.Repeat("x", 100<<10)
	for range 400 {
		id := rand.Text()[:8]
		if err := kafka.ProduceSync(ctx, kgo.StringRecord(id+padding)).FirstErr(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("producing to a full disk hangs: %v", err)
			}
			t.Logf("after %d records of 100 KiB: %v", len(acknowledged), err)
			return acknowledged
		}
		acknowledged = append(acknowledged, id)
	}
	t.Fatal("the disk never filled up")
	return nil
}
