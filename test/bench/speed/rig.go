package speed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/job"
	bench "github.com/orrery-kafka/orrery/test/bench/rig"
)

const (
	heapMiB        = 1024
	partitions     = 6
	logicalCluster = "lkc-bench0"
	prefix         = logicalCluster + "_" // of the tenant's topics at the broker
)

// brokerConfig makes the broker speak TLS as Go does on a processor with AES instructions: left alone, Java prefers
// AES-256, which would cost it more than the others. A deleted topic's files go at once, so that the disk does not fill.
var brokerConfig = map[string]string{
	"listener.name.tls.ssl.enabled.protocols": "TLSv1.3",
	"listener.name.tls.ssl.cipher.suites":     "TLS_AES_128_GCM_SHA256",
	"log.segment.delete.delay.ms":             "100",
}

// path is one way from a client to the broker.
type path struct {
	name string
	job.Path
	front  *bench.Child // nil where there is none
	topics string       // what the client's names of topics have in front of them
}

// rig is one broker, warm or not, and the ways to it. The clients that go to the broker directly or through the relay are
// the gateway's principal for tenants, too, so that the broker checks the same ACLs for all.
type rig struct {
	*bench.Rig
	fronts []*bench.Child

	gateway, relay, own, plain *path
	topics                     int
}

func openRig(ctx context.Context, dir string) (*rig, error) {
	if err := bench.Build(ctx, dir); err != nil {
		return nil, err
	}
	opened, err := bench.Open(ctx, dir, dir, kafkatest.Options{HeapMiB: heapMiB, Optimized: true, TLS: true, Config: brokerConfig})
	if err != nil {
		return nil, err
	}
	r := &rig{Rig: opened, fronts: []*bench.Child{opened.Gateway}}
	if err := r.openPaths(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// openPaths makes the tenant, which no quota limits, and starts the relay, with the gateway's certificate.
func (r *rig) openPaths(ctx context.Context) error {
	key, err := r.Tenant(ctx, logicalCluster, orrery.TypeDedicated, orrery.Quotas{})
	if err != nil {
		return err
	}
	relay, address, err := bench.StartFront(ctx, r.Dir, bench.Relay, r.Front)
	if err != nil {
		return err
	}
	r.fronts = append(r.fronts, relay)
	broker, user, password := r.Kafka.Brokers[0], bench.TenantsLogin.User, bench.TenantsLogin.Password
	r.gateway = &path{pathGateway, r.Path(key), r.Gateway, ""}
	r.relay = &path{pathRelay, job.Path{Address: broker.LoginAddress, Through: address, CA: r.CA, User: user, Password: password}, relay, prefix}
	r.own = &path{pathOwn, job.Path{Address: broker.TLSAddress, CA: r.Kafka.KeyStore, User: user, Password: password}, nil, prefix}
	r.plain = &path{pathPlain, job.Path{Address: broker.LoginAddress, User: user, Password: password}, nil, prefix}
	return nil
}

// close ends everything; the gateway is the rig's own to end.
func (r *rig) close() error {
	var errs []error
	for _, front := range r.fronts {
		if front != r.Gateway {
			errs = append(errs, front.End())
		}
	}
	return errors.Join(append(errs, r.Close())...)
}

// withTopic creates a topic of the tenant's, gives its name without the tenant's prefix, and removes it with its files.
func (r *rig) withTopic(ctx context.Context, do func(topic string) error) error {
	r.topics++
	topic := fmt.Sprint("speed-", r.topics)
	if _, err := r.Admin.CreateTopic(ctx, partitions, 1, nil, prefix+topic); err != nil {
		return fmt.Errorf("create a topic: %w", err)
	}
	// The broker says that it leads the partitions a little before it takes requests for them.
	err := bench.Poll(ctx, func() error { _, err := r.records(ctx, prefix+topic); return err })
	if err == nil {
		err = do(topic)
	}
	if _, remove := r.Admin.DeleteTopic(ctx, prefix+topic); remove != nil {
		return errors.Join(err, fmt.Errorf("delete a topic: %w", remove))
	}
	return errors.Join(err, bench.Poll(ctx, func() error { return r.gone(prefix + topic) }))
}

// gone is nil once the broker has removed the files of a topic: removing them costs it time, which is no run's.
func (r *rig) gone(topic string) error {
	return filepath.WalkDir(filepath.Dir(r.Kafka.KeyStore), func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil && strings.HasPrefix(filepath.Base(path), topic+"-") {
			err = fmt.Errorf("%s is still there", path)
		}
		return err
	})
}

// records is how many records a topic (its name at the broker) holds. It is an error if a partition has no leader.
func (r *rig) records(ctx context.Context, topic string) (int64, error) {
	ends, err := r.Admin.ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return 0, err
	}
	total, listed := int64(0), 0
	ends.Each(func(o kadm.ListedOffset) { total, listed = total+o.Offset, listed+1 })
	if listed != partitions {
		return 0, fmt.Errorf("the broker knows %d partitions of topic %s instead of %d", listed, topic, partitions)
	}
	return total, nil
}
