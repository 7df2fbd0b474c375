package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
	"github.com/orrery-kafka/orrery/internal/substrate/substratetest"
)

// open opens a substrate, and has it closed with the test.
func open(t *testing.T, c process.Config) *process.Substrate {
	t.Helper()
	s, err := process.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// stopPatience is how long a test gives its processes at the end; what they have is not needed any more.
const stopPatience = time.Second

func stop(s *process.Substrate) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	return s.Stop(ctx)
}

// processes are reached through the files that are written of them.
type processes struct{ dir string }

func (p processes) PID(id string, role substratetest.Role, node int32) (int, error) {
	dir := map[substratetest.Role]string{
		substratetest.Broker: fmt.Sprintf("node-%d", node), substratetest.Gateway: fmt.Sprintf("gateway-%d", node), substratetest.Balancer: "balancer",
	}[role]
	content, err := os.ReadFile(filepath.Join(p.dir, id, dir, "process.json"))
	if err != nil {
		return 0, err
	}
	var note struct{ Process struct{ PID int } }
	err = json.Unmarshal(content, &note)
	return note.Process.PID, err
}

func (p processes) LoseStorage(id string, node int32) error {
	return os.RemoveAll(filepath.Join(p.dir, id, fmt.Sprintf("node-%d", node), "data"))
}

func TestConformance(t *testing.T) {
	ranges := map[string][2]int{}
	substratetest.Suite{
		Open: func(t *testing.T, dir string) substratetest.Opened {
			if _, known := ranges[dir]; !known {
				from, to := kafkatest.PortRange(t)
				ranges[dir] = [2]int{from, to}
			}
			c := config(t, dir, ranges[dir][0], ranges[dir][1])
			s := open(t, c)
			return substratetest.Opened{
				Substrate: s, Close: s.Close, Stop: func() error { return stop(s) }, Processes: processes{c.Dir},
			}
		},
		Spec: spec, Replicas: 3, Shared: true, Whole: os.Getenv("ORRERY_SOAK") != "",
	}.Run(t)
}
