package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/substrate/process"
)

const (
	dialTimeout     = 5 * time.Second
	maxPasswordFile = 4096 // bytes
)

// tenants is the way of tenants' requests to the brokers. The own broker's address is configured; those of the others,
// which only Kafka REST needs, the own one tells, so that brokers may come and go.
type tenants struct {
	node    int32
	address string
	login   gateway.Login
	dialer  net.Dialer

	mu     sync.Mutex
	others map[int32]string
}

func openTenants(node int32, file process.TenantsFile) (*tenants, error) {
	password, err := readPassword(file.PasswordFile)
	if err != nil {
		return nil, err
	}
	return &tenants{
		node: node, address: file.Address, login: gateway.Login{User: file.User, Password: password},
		dialer: net.Dialer{Timeout: dialTimeout},
	}, nil
}

// readPassword reads a password that nobody but the owner of its file may read.
func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the password of the tenants' principal: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by other users (mode %04o): run chmod 600 on it", path, mode)
	}
	if info.Size() > maxPasswordFile {
		return "", fmt.Errorf("%s has %d bytes, which is no password", path, info.Size())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the password of the tenants' principal: %w", err)
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" {
		return "", fmt.Errorf("%s is empty; it has to hold the password of the tenants' principal", path)
	}
	return password, nil
}

// dial opens a connection to a broker that is not logged in yet.
func (t *tenants) dial(ctx context.Context, node int32) (net.Conn, error) {
	if node == t.node {
		return t.dialer.DialContext(ctx, "tcp", t.address)
	}
	known := t.known(node)
	if known != "" {
		if conn, err := t.dialer.DialContext(ctx, "tcp", known); err == nil {
			return conn, nil
		}
	}
	told, err := t.ask(ctx, node)
	if err != nil {
		return nil, err
	}
	return t.dialer.DialContext(ctx, "tcp", told)
}

func (t *tenants) known(node int32) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.others[node]
}

// ask has the own broker tell where the brokers are.
func (t *tenants) ask(ctx context.Context, node int32) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(t.address), kgo.DisableClientMetrics(), kgo.ClientID("orrery-gateway"),
		kgo.SASL(plain.Auth{User: t.login.User, Pass: t.login.Password}.AsMechanism()))
	if err != nil {
		return "", err
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return "", fmt.Errorf("asking broker %d where the others are: %w", t.node, err)
	}
	others := make(map[int32]string, len(response.Brokers))
	for _, b := range response.Brokers {
		others[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	t.mu.Lock()
	t.others = others
	t.mu.Unlock()
	if others[node] == "" {
		return "", fmt.Errorf("broker %d: %w", node, errUnknownBroker)
	}
	return others[node], nil
}

var errUnknownBroker = errors.New("the other brokers do not know it: it is down, or was removed")
