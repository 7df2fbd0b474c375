package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// The names of the files that the two commands are started with, in their directories. A command runs with that
// directory as its working directory, and every relative name in its file is meant from there.
const (
	GatewayFileName  = "gateway.json"
	BalancerFileName = "balancer.json"
)

// GatewayFile is what `orrery gateway --config FILE` is told: the gateway beside one broker.
//
// It listens at Listen, and at its sockets for a balancer, only once it serves; all that those get begin with a header
// of the PROXY protocol, version 2. Its admin socket is there from the start. It ends on SIGTERM, with its lease given
// up and status 0. Where it ends by itself, the last line on its standard error says why, and its status
// is not 0.
//
// Certificate and Platform name files that are replaced while it runs: what is new in them is used for connections
// from then on, within a few seconds, and none is closed for it. Nothing else is read again.
type GatewayFile struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	Node              int32  `json:"node"`
	// Engine is orrery.EngineApache, and Version its version, for the log.
	Engine  string `json:"engine"`
	Version string `json:"version"`
	// Listen is HOST:PORT of the broker's public address: Kafka with TLS, clients connect directly.
	Listen  string         `json:"listen"`
	Sockets GatewaySockets `json:"sockets"`
	// Certificate is what clients see.
	Certificate KeyPair      `json:"certificate"`
	Platform    PlatformFile `json:"platform"`
	Tenants     TenantsFile  `json:"tenants"`
	Login       LoginFile    `json:"login"`
	Log         LogFile      `json:"log"`
	// Audit is where it is written what was denied, and what was changed. Without a File there is none.
	Audit LogFile `json:"audit,omitzero"`
}

// GatewaySockets are the names of unix sockets that a gateway listens on; see ListenSocket and DialSocket.
type GatewaySockets struct {
	// Kafka and REST are for the balancer: a header of the PROXY protocol, then what a client sends, TLS included.
	Kafka string `json:"kafka"`
	REST  string `json:"rest"`
	// Admin is HTTP without TLS: see AdminReady. Who can open it is told of all tenants.
	Admin string `json:"admin"`
}

// The paths of every admin socket that the substrate asks. Both answer 200, or 503 with one line that says why not.
const (
	AdminHealth = "/healthz" // the process is in order
	AdminReady  = "/readyz"  // it takes clients at all of its addresses
)

// KeyPair names two files in PEM.
type KeyPair struct {
	// Certificate has the chain, leaf first; Key the private key (PKCS #8).
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// PlatformFile is the way of a gateway's own requests: Kafka with TLS and a client certificate.
type PlatformFile struct {
	KeyPair
	// Authority is a file in PEM with the certificate authorities that the brokers' certificates come from.
	Authority string `json:"authority"`
	// Seeds are the brokers' PLATFORM listeners, HOST:PORT, the own broker's first.
	Seeds []string `json:"seeds"`
}

// TenantsFile is the way of tenants' requests to the gateway's own broker: Kafka without TLS on loopback, with a login
// (SASL PLAIN).
type TenantsFile struct {
	Address string `json:"address"` // HOST:PORT
	User    string `json:"user"`
	// PasswordFile has the password and perhaps a line feed after it; only its owner may read it.
	PasswordFile string `json:"password_file"`
}

// LoginFile bounds what clients can do before they have logged in, and how long a login lasts. A field that is missing
// is as in gateway.DefaultLimits.
type LoginFile struct {
	// SessionLifetime is how long a login lasts before the client must authenticate again (KIP-368); 0 is without end.
	SessionLifetime Duration `json:"session_lifetime,omitzero"`
	// HalfOpen is how many connections may not have logged in yet, AddressHalfOpen how many of those may be of one
	// address. AddressAttempts is how many connections an address may make at once, AddressFailures how many of its
	// logins may fail.
	HalfOpen        int `json:"half_open,omitzero"`
	AddressHalfOpen int `json:"address_half_open,omitzero"`
	AddressAttempts int `json:"address_attempts,omitzero"`
	AddressFailures int `json:"address_failures,omitzero"`
	// ExemptNetworks have no limits by address; missing is loopback, and an empty list nobody.
	ExemptNetworks []netip.Prefix `json:"exempt_networks,omitzero"`
}

// LogFile is where a role writes its log, as lines of JSON, and how much it keeps: Files of MaxBytes each, the newest
// with the name File, the next older one with .1 after it. Nothing with a secret is in it.
type LogFile struct {
	File     string     `json:"file"`
	MaxBytes int64      `json:"max_bytes"`
	Files    int        `json:"files"`
	Level    slog.Level `json:"level"`
}

// BalancerFile is what `orrery balancer --config FILE` is told: the two balancers before one physical cluster.
//
// The file is replaced when gateways come or go. What is new in Backends is used for connections from then on, within
// a few seconds; nothing else is read again. It ends on SIGTERM with status 0, and by itself as a gateway does.
type BalancerFile struct {
	PhysicalClusterID string `json:"physical_cluster_id"`
	// Kafka and REST are HOST:PORT of the bootstrap address and of Kafka REST.
	Kafka string `json:"kafka"`
	REST  string `json:"rest"`
	// Admin is a socket with HTTP: AdminHealth and AdminReady.
	Admin    string            `json:"admin"`
	Backends []BalancerBackend `json:"backends"`
	Limits   BalancerLimits    `json:"limits"`
	Log      LogFile           `json:"log"`
}

// BalancerBackend is the sockets of one gateway, by names from the balancer's working directory.
type BalancerBackend struct {
	Node  int32  `json:"node"`
	Kafka string `json:"kafka"`
	REST  string `json:"rest"`
	// Admin is asked each second whether the gateway takes clients (AdminReady). Without it, that is seen by
	// connecting only, and a gateway that hangs gets clients.
	Admin string `json:"admin,omitempty"`
}

// BalancerLimits bounds each of the two balancers; a field that is missing is as in balancer.Limits.
type BalancerLimits struct {
	Connections  int      `json:"connections,omitzero"`
	DialTimeout  Duration `json:"dial_timeout,omitzero"`
	DrainTimeout Duration `json:"drain_timeout,omitzero"`
}

// Duration is a time.Duration that is written as in 1h30m.
type Duration time.Duration

// MarshalText writes the duration as time.ParseDuration reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// maxRoleFile bounds a role's file: a thousand gateways have room.
const maxRoleFile = 1 << 20

// ReadGatewayFile reads and checks the file of a gateway. Its errors name the file and what to correct.
func ReadGatewayFile(path string) (GatewayFile, error) { return readRoleFile[GatewayFile](path) }

// ReadBalancerFile reads and checks the file of a balancer. Its errors name the file and what to correct.
func ReadBalancerFile(path string) (BalancerFile, error) { return readRoleFile[BalancerFile](path) }

// readRoleFile refuses fields that it does not know: what is misspelt must not be taken for the default.
func readRoleFile[F interface{ Check() error }](path string) (F, error) {
	var none, file F
	f, err := os.Open(path)
	if err != nil {
		return none, orrery.Errorf(orrery.Invalid, "the configuration cannot be read: %v", err)
	}
	defer f.Close() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxRoleFile+1))
	if err != nil {
		return none, orrery.Errorf(orrery.Invalid, "the configuration cannot be read: %v", err)
	}
	if len(content) > maxRoleFile {
		return none, orrery.Errorf(orrery.Invalid, "%s has more than %d bytes, too many for a configuration", path, maxRoleFile)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return none, orrery.Errorf(orrery.Invalid, "%s is not a configuration of this role: %v", path, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return none, orrery.Errorf(orrery.Invalid, "%s goes on after the end of its configuration", path)
	}
	if err := file.Check(); err != nil {
		return none, orrery.Errorf(orrery.Invalid, "%s: %v", path, err)
	}
	return file, nil
}

// Check says what is wrong with the file, all of it at once. It opens nothing.
func (f GatewayFile) Check() error {
	errs := []error{
		checkID(f.PhysicalClusterID), checkNode(f.Node),
		checkAddress("listen", f.Listen),
		checkSocket("sockets.kafka", f.Sockets.Kafka), checkSocket("sockets.rest", f.Sockets.REST), checkSocket("sockets.admin", f.Sockets.Admin),
		checkName("certificate.certificate", f.Certificate.Certificate), checkName("certificate.key", f.Certificate.Key),
		checkName("platform.certificate", f.Platform.Certificate), checkName("platform.key", f.Platform.Key), checkName("platform.authority", f.Platform.Authority),
		checkAddress("tenants.address", f.Tenants.Address), checkName("tenants.user", f.Tenants.User), checkName("tenants.password_file", f.Tenants.PasswordFile),
		f.Login.check(), f.Log.check("log"),
	}
	if f.Audit.File != "" {
		errs = append(errs, f.Audit.check("audit"))
	}
	if f.Engine != orrery.EngineApache {
		errs = append(errs, fmt.Errorf("engine is %q; a gateway in a process of its own can only be before %q", f.Engine, orrery.EngineApache))
	}
	if len(f.Platform.Seeds) == 0 {
		errs = append(errs, errors.New("platform.seeds is empty"))
	}
	for _, seed := range f.Platform.Seeds {
		errs = append(errs, checkAddress("platform.seeds", seed))
	}
	return errors.Join(errs...)
}

// Check says what is wrong with the file, all of it at once. It opens nothing.
func (f BalancerFile) Check() error {
	errs := []error{
		checkID(f.PhysicalClusterID), checkAddress("kafka", f.Kafka), checkAddress("rest", f.REST), checkSocket("admin", f.Admin),
		checkNotNegative("limits.connections", f.Limits.Connections),
		checkNotNegative("limits.dial_timeout", f.Limits.DialTimeout), checkNotNegative("limits.drain_timeout", f.Limits.DrainTimeout), f.Log.check("log"),
	}
	nodes := map[int32]bool{}
	for _, b := range f.Backends {
		errs = append(errs, checkNode(b.Node), checkSocket("backends.kafka", b.Kafka), checkSocket("backends.rest", b.REST))
		if b.Admin != "" {
			errs = append(errs, checkSocket("backends.admin", b.Admin))
		}
		if nodes[b.Node] {
			errs = append(errs, fmt.Errorf("backends has node %d twice", b.Node))
		}
		nodes[b.Node] = true
	}
	return errors.Join(errs...)
}

func (l LoginFile) check() error {
	return errors.Join(
		checkNotNegative("login.session_lifetime", l.SessionLifetime), checkNotNegative("login.half_open", l.HalfOpen),
		checkNotNegative("login.address_half_open", l.AddressHalfOpen), checkNotNegative("login.address_attempts", l.AddressAttempts),
		checkNotNegative("login.address_failures", l.AddressFailures))
}

// Bounds of a log.
const (
	minLogBytes, maxLogBytes = 64 << 10, 1 << 30
	maxLogFiles              = 100
)

func (l LogFile) check(field string) error {
	err := checkName(field+".file", l.File)
	if l.MaxBytes < minLogBytes || l.MaxBytes > maxLogBytes || l.Files < 1 || l.Files > maxLogFiles {
		err = errors.Join(err, fmt.Errorf("%[1]s.files and %[1]s.max_bytes are %[2]d files of %[3]d bytes; they have to be 1 to %[4]d of %[5]d to %[6]d", field, l.Files, l.MaxBytes, maxLogFiles, minLogBytes, maxLogBytes))
	}
	return err
}

func checkID(id string) error {
	if err := book.CheckID(id); err != nil {
		return fmt.Errorf("physical_cluster_id: %w", err)
	}
	return nil
}

func checkNode(node int32) error {
	if node < 0 {
		return fmt.Errorf("node is %d; it has to be 0 or more", node)
	}
	return nil
}

func checkName(field, value string) error {
	if value == "" {
		return fmt.Errorf("%s is missing", field)
	}
	return nil
}

func checkAddress(field, value string) error {
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		return fmt.Errorf("%s is %q; it has to be HOST:PORT", field, value)
	}
	return nil
}

func checkNotNegative[N int | Duration](field string, n N) error {
	if n < 0 {
		return fmt.Errorf("%s is negative", field)
	}
	return nil
}

func checkSocket(field, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is missing", field)
	case filepath.IsAbs(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("%s is %q; the name of a socket has to be relative to the working directory", field, name)
	case len(name) > maxSocketName:
		return fmt.Errorf("%s has %d bytes; the name of a socket may have %d", field, len(name), maxSocketName)
	}
	return nil
}
