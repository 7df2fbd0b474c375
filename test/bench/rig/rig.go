// Package rig is what programs that measure the gateway stand on: Apache Kafka with its state topics, a gateway in front
// of it in a process of its own, tenants written as a satellite does, and other programs of the benchmark beside them,
// each a process of its own too.
package rig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/tenancy"
	"github.com/orrery-kafka/orrery/test/bench/job"
)

// TenantsLogin is who the gateway is to the broker for tenants' requests, and ControlLogin for its own.
var (
	TenantsLogin = job.Login{User: "tenants", Password: "tenants-secret"}
	ControlLogin = job.Login{User: "control", Password: "control-secret"}
)

// stateTopics are those that a physical cluster has before its gateways start.
var stateTopics = []string{topicTenants, "_orrery_gateways", "_orrery_acls"}

// Rig is one broker, with a gateway in front of it.
type Rig struct {
	// Dir is where the programs and the certificates are.
	Dir   string
	Kafka *kafkatest.Cluster
	// Client and Admin are the superuser's, past the gateway.
	Client *kgo.Client
	Admin  *kadm.Client
	// Front is what the gateway was told, and what another program in its place would be.
	Front job.Front
	// Gateway is the process, and Address where it takes clients, who trust the certificate in the file CA.
	Gateway     *Child
	Address, CA string

	roots *x509.CertPool
}

// Open starts a broker with the options, to which it adds the gateway's principals, and a gateway. The directory has the
// programs (Build) and is the rig's.
func Open(ctx context.Context, dir, programs string, o kafkatest.Options) (*Rig, error) {
	r := &Rig{Dir: dir}
	if err := r.open(ctx, programs, o); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rig) open(ctx context.Context, programs string, o kafkatest.Options) error {
	o.Users = append(o.Users, user(TenantsLogin, tenancy.TenantsACLs()), user(ControlLogin, tenancy.GatewayACLs()))
	var err error
	if r.Kafka, err = kafkatest.Open(kafkatest.Apache, o); err != nil {
		return err
	}
	if r.Client, err = kgo.NewClient(append(r.Kafka.ClientOptions(""), kgo.MetadataMinAge(retry))...); err != nil {
		return err
	}
	r.Admin = kadm.NewClient(r.Client)
	r.Admin.SetTimeoutMillis(int32(patience.Milliseconds())) // what is measured keeps the broker busy
	created, err := r.Admin.CreateTopics(ctx, 1, 1, nil, stateTopics...)
	if err = errors.Join(err, created.Error()); err != nil {
		return fmt.Errorf("create the state topics: %w", err)
	}
	if err := r.certify(); err != nil {
		return err
	}
	if r.Gateway, r.Address, err = StartFront(ctx, programs, Gateway, r.Front); err != nil {
		return err
	}
	return r.name(ctx)
}

// certify makes an authority and a certificate for whatever stands in front of the broker.
func (r *Rig) certify() error {
	authority, err := pki.OpenRoot(filepath.Join(r.Dir, "ca"), time.Now())
	if err != nil {
		return err
	}
	r.roots, r.CA = authority.Root(), filepath.Join(r.Dir, "ca", pki.CertificateFile)
	certificate, err := authority.Issue("bench", pki.Loopback(), time.Now())
	if err != nil {
		return err
	}
	r.Front = job.Front{
		Chain: filepath.Join(r.Dir, "chain.pem"), Key: filepath.Join(r.Dir, "key.pem"), Broker: r.Kafka.Brokers[0].LoginAddress,
		PhysicalClusterID: physicalCluster, Tenants: TenantsLogin, Control: ControlLogin,
	}
	return errors.Join(os.WriteFile(r.Front.Chain, certificate.ChainPEM(), 0o600), os.WriteFile(r.Front.Key, certificate.KeyPEM(), 0o600))
}

func user(login job.Login, acls []tenancy.PrincipalACL) kafkatest.User {
	u := kafkatest.User{Name: login.User, Password: login.Password}
	for _, a := range acls {
		u.ACLs = append(u.ACLs, kafkatest.ACL(a))
	}
	return u
}

// Path is the way of a client with a key through the gateway.
func (r *Rig) Path(key job.Login) job.Path {
	return job.Path{Address: r.Address, CA: r.CA, User: key.User, Password: key.Password}
}

func (r *Rig) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}
}

// Close ends the gateway and the broker, and removes what the broker kept.
func (r *Rig) Close() error {
	var errs []error
	if r.Gateway != nil {
		errs = append(errs, r.Gateway.End())
	}
	if r.Client != nil {
		r.Client.Close()
	}
	if r.Kafka != nil {
		errs = append(errs, r.Kafka.Close())
	}
	return errors.Join(errs...)
}

// LoadAverage is how many processes wanted to run in the last minute, for reports.
func LoadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	average, _, _ := strings.Cut(string(content), " ")
	return average
}
