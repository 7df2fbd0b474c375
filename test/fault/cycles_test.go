package fault

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/test/bench/measured"
	"github.com/orrery-kafka/orrery/test/fault/platform"
)

// cycles is how often a cluster is created and deleted in a soak.
const cycles = 50

// footprint is what a platform without clusters takes.
type footprint struct {
	residentKiB, descriptors, threads int // of the control plane
	processes, files                  int
}

func (f footprint) row(name string) []string {
	in := strconv.Itoa
	return []string{name, in(f.residentKiB / 1024), in(f.descriptors), in(f.threads), in(f.processes), in(f.files)}
}

// measure reads what the control plane takes from /proc, and counts processes and files.
func measure(t *testing.T, p *platform.Platform) (f footprint) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d", p.PID())
	status, err := os.ReadFile(proc + "/status")
	must(t, err)
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "VmRSS:":
			f.residentKiB, err = strconv.Atoi(fields[1])
		case fields[0] == "Threads:":
			f.threads, err = strconv.Atoi(fields[1])
		}
		must(t, err)
	}
	open, err := os.ReadDir(proc + "/fd")
	must(t, err)
	processes, err := p.Processes()
	must(t, err)
	f.descriptors, f.processes = len(open), len(processes)
	must(t, filepath.WalkDir(p.Clusters(), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			f.files++
		}
		if os.IsNotExist(err) {
			return nil // a segment that went meanwhile
		}
		return err
	}))
	return f
}

// TestCycles creates a cluster, writes a record and deletes the cluster, again and again, and sees that nothing is left.
func TestCycles(t *testing.T) {
	if !soak {
		t.Skip("fifty clusters take half an hour: ORRERY_SOAK=1")
	}
	p := openPlatform(t)
	var first, last footprint
	for cycle := range cycles {
		c, err := p.Create(within(t), fmt.Sprintf("cycle-%d", cycle), nil)
		must(t, err)
		options, err := c.ClientOptions()
		must(t, err)
		client, err := kgo.NewClient(append(options, kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation())...)
		must(t, err)
		must(t, client.Ping(within(t)))
		client.Close()
		must(t, c.Delete(within(t)))
		if last = measure(t, p); cycle == 0 {
			first = last
		}
		t.Logf("after cycle %d: %+v", cycle+1, last)
	}
	// What is kept for speed has its bound early: a leak of each cycle would be fifty times itself.
	if last.processes != first.processes || last.files > first.files+cycles/2 || last.descriptors > first.descriptors+cycles/2 || last.threads > first.threads+cycles/2 {
		t.Errorf("after the first cycle %+v, after %d %+v", first, cycles, last)
	}
	if *out != "" {
		must(t, measured.Write(*out, "Create and delete cycles", fmt.Sprintf("\nWhat a platform without clusters takes, after creating and deleting %d clusters of three brokers one after another.\n\n", cycles)+
			measured.Table([]string{"after", "control plane, MiB", "open files", "threads", "processes", "files of clusters"}, [][]string{first.row("the first"), last.row("the last")})))
	}
}
