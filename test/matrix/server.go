package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-kafka/orrery"
	api "github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

// target is a tenant as a Kafka client sees it.
type target struct {
	Bootstrap string `json:"bootstrap"` // HOST:PORT
	Key       string `json:"key"`       // user and password of SASL/PLAIN
	Secret    string `json:"secret"`
	CAFile    string `json:"ca_file"`
	Cluster   string `json:"cluster"` // the cluster id that it is to be told
}

// source gives two empty tenants of one physical cluster for a client, and what removes them.
type source func(ctx context.Context, client string) ([2]target, func() error, error)

// readTargets takes the tenants of a file, two for each client.
func readTargets(path string) (source, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var left []target
	if err := json.Unmarshal(content, &left); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func(_ context.Context, client string) ([2]target, func() error, error) {
		if len(left) < 2 {
			return [2]target{}, nil, fmt.Errorf("%s has no two tenants left for %s", path, client)
		}
		pair := [2]target(left[:2])
		left = left[2:]
		return pair, func() error { return nil }, nil
	}, nil
}

// server is one run of the program.
type server struct {
	dir     string
	command *exec.Cmd
	exited  chan error
	api     *api.Client
	caFile  string
}

func start(ctx context.Context, binary, dir string) (*server, error) {
	s := &server{dir: dir, exited: make(chan error, 1)}
	s.command = exec.CommandContext(ctx, binary, "up", "--dir", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--kafka-ports", "0-0", "--log-level", "error")
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.WaitDelay = time.Minute
	s.command.Stderr = os.Stderr
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "ORRERY_") {
			s.command.Env = append(s.command.Env, e)
		}
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w (make build builds it)", binary, err)
	}
	go func() { s.exited <- s.command.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		select {
		case err := <-s.exited:
			return nil, fmt.Errorf("the program ended: %w", err)
		case <-tick.C:
			if s.readAdmin() && s.answers(ctx) {
				return s, nil
			}
		}
	}
	return nil, errors.Join(errors.New("the API did not answer within a minute"), s.stop())
}

func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return <-s.exited
}

func (s *server) readAdmin() bool {
	content, err := os.ReadFile(filepath.Join(s.dir, "data", "admin.env"))
	if err != nil {
		return false
	}
	env := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	s.api = &api.Client{URL: env["ORRERY_URL"], APIKey: env["ORRERY_API_KEY"], APISecret: env["ORRERY_API_SECRET"]}
	s.caFile = env["ORRERY_CA_FILE"]
	return true
}

func (s *server) answers(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// tenants creates two logical clusters of one physical cluster.
func (s *server) tenants(run context.Context, client string) (pair [2]target, remove func() error, err error) {
	ctx, cancel := context.WithTimeout(run, time.Minute)
	defer cancel()
	var environment string
	for e, err := range s.api.ListEnvironments(ctx) {
		if err != nil {
			return pair, nil, err
		}
		environment = e.ID
		break
	}
	for i, kind := range []string{"Basic", "Standard"} {
		in := wire.Cluster{Spec: wire.ClusterSpec{
			DisplayName: fmt.Sprintf("%s-%d", client, i), Availability: "SINGLE_ZONE", Cloud: "AWS", Region: "us-east-1",
			Config: wire.ClusterConfig{Kind: kind}, Environment: &wire.Reference{ID: environment},
		}}
		made, err := s.api.CreateCluster(ctx, in)
		if err != nil {
			return pair, nil, err
		}
		ready, err := s.api.WaitCluster(ctx, environment, made.ID, nil)
		if err != nil {
			return pair, nil, err
		}
		key, err := s.api.CreateAPIKey(ctx, wire.APIKey{Spec: wire.APIKeySpec{Resource: &wire.Reference{ID: made.ID, Environment: environment}}})
		if err != nil {
			return pair, nil, err
		}
		_, bootstrap, _ := strings.Cut(ready.Spec.KafkaBootstrapEndpoint, "://")
		pair[i] = target{Bootstrap: bootstrap, Key: key.ID, Secret: key.Spec.Secret, CAFile: s.caFile, Cluster: made.ID}
	}
	if pair[0].Bootstrap != pair[1].Bootstrap {
		return pair, nil, fmt.Errorf("the tenants have different physical clusters: %s, %s", pair[0].Bootstrap, pair[1].Bootstrap)
	}
	return pair, func() error {
		return errors.Join(s.api.DeleteCluster(run, environment, pair[0].Cluster), s.api.DeleteCluster(run, environment, pair[1].Cluster))
	}, nil
}

// engine is what the multi-tenant physical cluster runs on; a tenant makes sure that there is one.
func (s *server) engine(ctx context.Context) (string, error) {
	_, remove, err := s.tenants(ctx, "first")
	if err != nil {
		return "", err
	}
	if err := remove(); err != nil {
		return "", err
	}
	for cluster, err := range s.api.ListPhysicalClusters(ctx) {
		if err != nil {
			return "", err
		}
		if cluster.Spec.Type == orrery.TypeMultiTenant {
			name := cluster.Spec.Engine + " " + cluster.Spec.Version
			if cluster.Spec.Engine == orrery.EngineEmbedded {
				name += s.built("github.com/twmb/franz-go/pkg/kfake")
			}
			return name, nil
		}
	}
	return "", errors.New("there is no multi-tenant physical cluster")
}

// built names the version of a module in the program.
func (s *server) built(module string) string {
	if info, err := buildinfo.ReadFile(s.command.Path); err == nil {
		for _, d := range info.Deps {
			if d.Path == module {
				return fmt.Sprintf(" (%s %s)", d.Path, d.Version)
			}
		}
	}
	return ""
}

// tlsConfig trusts the CA file alone.
func tlsConfig(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
