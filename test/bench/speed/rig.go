package speed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

const (
	heapMiB    = 1024
	partitions = 6
	prefix     = logicalCluster + "_" // of the tenant's topics at the broker
)

// The principals of the gateway. The clients that go to the broker directly or through the relay are the tenants' one
// too, so that the broker checks the same ACLs for all.
var (
	tenantsLogin = job.Login{User: "tenants", Password: "tenants-secret"}
	controlLogin = job.Login{User: "control", Password: "control-secret"}
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
	front  *child // nil where there is none
	topics string // what the client's names of topics have in front of them
}

// rig is one broker, warm or not, and the ways to it.
type rig struct {
	dir    string
	kafka  *kafkatest.Cluster
	client *kgo.Client // the superuser's
	admin  *kadm.Client
	roots  *x509.CertPool
	fronts []*child

	gateway, relay, own, plain *path
	topics                     int
}

func openRig(ctx context.Context, dir string) (*rig, error) {
	r := &rig{dir: dir}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) open(ctx context.Context) error {
	if err := build(ctx, r.dir); err != nil {
		return err
	}
	var err error
	if r.kafka, err = kafkatest.Open(kafkatest.Apache, kafkatest.Options{
		HeapMiB: heapMiB, Optimized: true, TLS: true, Config: brokerConfig,
		Users: []kafkatest.User{user(tenantsLogin, gateway.TenantsACLs()), user(controlLogin, gateway.ControlACLs())},
	}); err != nil {
		return err
	}
	if r.client, err = kgo.NewClient(append(r.kafka.ClientOptions(""), kgo.MetadataMinAge(retry))...); err != nil {
		return err
	}
	r.admin = kadm.NewClient(r.client)
	created, err := r.admin.CreateTopics(ctx, 1, 1, nil, stateTopics...)
	if err = errors.Join(err, created.Error()); err != nil {
		return fmt.Errorf("create the state topics: %w", err)
	}
	return r.openFronts(ctx)
}

// openFronts starts the gateway and the relay, with the same certificate.
func (r *rig) openFronts(ctx context.Context) error {
	authority, err := pki.OpenRoot(filepath.Join(r.dir, "ca"), time.Now())
	if err != nil {
		return err
	}
	r.roots = authority.Root()
	certificate, err := authority.Issue("bench", pki.Loopback(), time.Now())
	if err != nil {
		return err
	}
	broker := r.kafka.Brokers[0]
	front := job.Front{
		Chain: filepath.Join(r.dir, "chain.pem"), Key: filepath.Join(r.dir, "key.pem"), Broker: broker.LoginAddress,
		PhysicalClusterID: physicalCluster, Tenants: tenantsLogin, Control: controlLogin,
	}
	if err := errors.Join(os.WriteFile(front.Chain, certificate.ChainPEM(), 0o600), os.WriteFile(front.Key, certificate.KeyPEM(), 0o600)); err != nil {
		return err
	}
	addresses := map[string]string{}
	for _, name := range []string{"gateway", "relay"} {
		c, address, err := startFront(ctx, r.dir, name, front)
		if err != nil {
			return err
		}
		r.fronts = append(r.fronts, c)
		addresses[name] = address
	}
	key, err := r.createTenant(ctx, addresses["gateway"])
	if err != nil {
		return err
	}
	ca := filepath.Join(r.dir, "ca", pki.CertificateFile)
	user, password := tenantsLogin.User, tenantsLogin.Password
	r.gateway = &path{pathGateway, job.Path{Address: addresses["gateway"], CA: ca, User: key.User, Password: key.Password}, r.fronts[0], ""}
	r.relay = &path{pathRelay, job.Path{Address: broker.LoginAddress, Through: addresses["relay"], CA: ca, User: user, Password: password}, r.fronts[1], prefix}
	r.own = &path{pathOwn, job.Path{Address: broker.TLSAddress, CA: r.kafka.KeyStore, User: user, Password: password}, nil, prefix}
	r.plain = &path{pathPlain, job.Path{Address: broker.LoginAddress, User: user, Password: password}, nil, prefix}
	return nil
}

func user(login job.Login, acls []gateway.ACL) kafkatest.User {
	u := kafkatest.User{Name: login.User, Password: login.Password}
	for _, a := range acls {
		u.ACLs = append(u.ACLs, kafkatest.ACL(a))
	}
	return u
}

func (r *rig) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}
}

func (r *rig) close() error {
	var errs []error
	for _, front := range r.fronts {
		errs = append(errs, front.end())
	}
	if r.client != nil {
		r.client.Close()
	}
	if r.kafka != nil {
		errs = append(errs, r.kafka.Close())
	}
	return errors.Join(errs...)
}

// withTopic creates a topic of the tenant's, gives its name without the tenant's prefix, and removes it with its files.
func (r *rig) withTopic(ctx context.Context, do func(topic string) error) error {
	r.topics++
	topic := fmt.Sprint("speed-", r.topics)
	if _, err := r.admin.CreateTopic(ctx, partitions, 1, nil, prefix+topic); err != nil {
		return fmt.Errorf("create a topic: %w", err)
	}
	// The broker says that it leads the partitions a little before it takes requests for them.
	err := poll(ctx, func() error { _, err := r.records(ctx, prefix+topic); return err })
	if err == nil {
		err = do(topic)
	}
	if _, remove := r.admin.DeleteTopic(ctx, prefix+topic); remove != nil {
		return errors.Join(err, fmt.Errorf("delete a topic: %w", remove))
	}
	return errors.Join(err, poll(ctx, func() error { return r.gone(prefix + topic) }))
}

// gone is nil once the broker has removed the files of a topic: removing them costs it time, which is no run's.
func (r *rig) gone(topic string) error {
	return filepath.WalkDir(filepath.Dir(r.kafka.KeyStore), func(path string, _ fs.DirEntry, err error) error {
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
	ends, err := r.admin.ListEndOffsets(ctx, topic)
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
