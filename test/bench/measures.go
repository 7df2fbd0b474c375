package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// withServer runs f against a server on a fresh directory.
func withServer(ctx context.Context, binary string, f func(*server) error) error {
	dir, err := os.MkdirTemp("", "orrery-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := start(ctx, binary, dir)
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.stop())
}

// measureStart takes the time from starting the binary until /readyz answers: on a new directory, and on one
// that holds two clusters.
func measureStart(ctx context.Context, binary string, _ int, r *report) error {
	var first, second, serving []time.Duration
	for range 5 {
		var clusters [2]cluster
		dir, err := os.MkdirTemp("", "orrery-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for i := range 2 {
			s, err := start(ctx, binary, dir)
			if err != nil {
				return err
			}
			if i == 0 {
				first = append(first, s.ready)
				clusters[0], err = s.createCluster(ctx, "one", map[string]any{"kind": "Basic"})
				if err == nil {
					clusters[1], err = s.createCluster(ctx, "two", map[string]any{"kind": "Dedicated", "cku": 1})
				}
			} else {
				second = append(second, s.ready)
				err = s.awaitClients(ctx, clusters[:])
				serving = append(serving, time.Since(s.began))
			}
			if err := errors.Join(err, s.stop()); err != nil {
				return err
			}
		}
	}
	r.add("start, new directory", milliseconds(percentile(first, 0.5)), "under 1 s", "median of 5, process start until `/readyz` answers 200")
	r.add("start, with two physical clusters of three brokers", milliseconds(percentile(second, 0.5)), "under 1 s", "the same, second start of the same directory")
	r.add("the same, until both clusters take clients", milliseconds(percentile(serving, 0.5)), "", "until a TLS handshake at both bootstrap addresses succeeds")
	return nil
}

// awaitClients waits until a TLS handshake at each bootstrap address succeeds.
func (s *server) awaitClients(ctx context.Context, clusters []cluster) error {
	config, err := s.tlsConfig()
	if err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for _, c := range clusters {
		for {
			dialer := tls.Dialer{Config: config}
			connection, err := dialer.DialContext(ctx, "tcp", c.bootstrap)
			if err == nil {
				connection.Close()
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			}
		}
	}
	return nil
}

func (s *server) tlsConfig() (*tls.Config, error) {
	pem, err := os.ReadFile(s.env["ORRERY_CA_FILE"])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// measureMemory reads the resident memory of a server that has been idle for 15 seconds.
func measureMemory(ctx context.Context, binary string, _ int, r *report) error {
	return withServer(ctx, binary, func(s *server) error {
		for _, clusters := range []int{0, 1} {
			if clusters == 1 {
				if _, err := s.createCluster(ctx, "one", map[string]any{"kind": "Basic"}); err != nil {
					return err
				}
			}
			select {
			case <-time.After(15 * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			resident, err := s.residentBytes()
			if err != nil {
				return err
			}
			r.add(fmt.Sprintf("idle memory, %d clusters", clusters), fmt.Sprintf("%.0f MB", float64(resident)/1e6), "under 80 MB", "resident, after 15 idle seconds")
		}
		return nil
	})
}

// measureFirstRecord takes the time from asking for a cluster until a record produced with a new key of it is
// acknowledged: PROVISIONED, API key, topic, TLS, SASL and all.
func measureFirstRecord(ctx context.Context, binary string, rounds int, r *report) error {
	return withServer(ctx, binary, func(s *server) error {
		var all, provisioned, keyed []time.Duration
		var cold time.Duration
		for i := range rounds {
			began := time.Now()
			c, err := s.createCluster(ctx, fmt.Sprintf("round-%d", i), map[string]any{"kind": "Basic"})
			if err != nil {
				return err
			}
			ready := time.Since(began)
			key, err := s.createKey(ctx, c)
			if err != nil {
				return err
			}
			keyReady := time.Since(began) - ready
			if err := s.firstRecord(ctx, c, key); err != nil {
				return fmt.Errorf("round %d: %w", i, err)
			}
			if total := time.Since(began); i == 0 {
				cold = total
			} else {
				all, provisioned, keyed = append(all, total), append(provisioned, ready), append(keyed, keyReady)
			}
			if err := s.api(ctx, 204, "DELETE", "/cmk/v2/clusters/"+c.id+"?environment="+c.environment, nil, nil); err != nil {
				return err
			}
		}
		how := fmt.Sprintf("%d clusters in a row on a shared physical cluster, real TLS client", len(all))
		r.add("create to first acknowledged record, p50", milliseconds(percentile(all, 0.5)), "under 1 s", how)
		r.add("create to first acknowledged record, p99", milliseconds(percentile(all, 0.99)), "under 1 s", how)
		r.add("of which: create to PROVISIONED, p50", milliseconds(percentile(provisioned, 0.5)), "", how)
		r.add("of which: API key, p50", milliseconds(percentile(keyed, 0.5)), "", how)
		r.add("create to first acknowledged record, the very first cluster", milliseconds(cold), "", "makes a physical cluster of three brokers and gateways")
		return nil
	})
}

type cluster struct{ id, environment, bootstrap string }

// createCluster creates a cluster and waits until it is PROVISIONED.
func (s *server) createCluster(ctx context.Context, name string, config map[string]any) (cluster, error) {
	var environments struct{ Data []struct{ ID string } }
	if err := s.api(ctx, 200, "GET", "/org/v2/environments", nil, &environments); err != nil {
		return cluster{}, err
	}
	if len(environments.Data) == 0 {
		return cluster{}, errors.New("there is no environment")
	}
	c := cluster{environment: environments.Data[0].ID}
	var made struct {
		ID   string
		Spec struct {
			Bootstrap string `json:"kafka_bootstrap_endpoint"`
		}
		Status struct{ Phase string }
	}
	spec := map[string]any{
		"display_name": name, "availability": "SINGLE_ZONE", "cloud": "AWS", "region": "us-east-1",
		"config": config, "environment": map[string]any{"id": c.environment},
	}
	if err := s.api(ctx, 202, "POST", "/cmk/v2/clusters", map[string]any{"spec": spec}, &made); err != nil {
		return cluster{}, err
	}
	c.id = made.ID
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for made.Status.Phase != "PROVISIONED" {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cluster{}, ctx.Err()
		}
		if err := s.api(ctx, 200, "GET", "/cmk/v2/clusters/"+c.id+"?environment="+c.environment, nil, &made); err != nil {
			return cluster{}, err
		}
	}
	_, c.bootstrap, _ = strings.Cut(made.Spec.Bootstrap, "://")
	return c, nil
}

type apiKey struct{ id, secret string }

func (s *server) createKey(ctx context.Context, c cluster) (apiKey, error) {
	var users struct{ Data []struct{ ID string } }
	if err := s.api(ctx, 200, "GET", "/iam/v2/users", nil, &users); err != nil {
		return apiKey{}, err
	}
	var made struct {
		ID   string
		Spec struct{ Secret string }
	}
	spec := map[string]any{
		"owner":    map[string]any{"id": users.Data[0].ID},
		"resource": map[string]any{"id": c.id, "environment": c.environment},
	}
	err := s.api(ctx, 202, "POST", "/iam/v2/api-keys", map[string]any{"spec": spec}, &made)
	return apiKey{made.ID, made.Spec.Secret}, err
}

// firstRecord creates a topic and produces one record, with one attempt each.
func (s *server) firstRecord(ctx context.Context, c cluster, key apiKey) error {
	config, err := s.tlsConfig()
	if err != nil {
		return err
	}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.DialTLSConfig(config),
		kgo.SASL(plain.Auth{User: key.id, Pass: key.secret}.AsMechanism()), kgo.RequestRetries(0), kgo.RecordRetries(0), kgo.DefaultProduceTopic("first"))
	if err != nil {
		return err
	}
	defer kafka.Close()
	if _, err := kadm.NewClient(kafka).CreateTopic(ctx, 1, -1, nil, "first"); err != nil {
		return err
	}
	return kafka.ProduceSync(ctx, kgo.StringRecord("hello")).FirstErr()
}
