package process

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
)

func goodGatewayFile() GatewayFile {
	return GatewayFile{
		PhysicalClusterID: "pkc-a", Node: 1, Engine: orrery.EngineApache, Version: "4.3.1", Listen: "127.0.0.1:9093",
		Sockets:     GatewaySockets{Kafka: "kafka.sock", REST: "rest.sock", Admin: "admin.sock"},
		Certificate: KeyPair{Certificate: "../public.pem", Key: "../public-key.pem"},
		Platform:    PlatformFile{KeyPair: KeyPair{Certificate: "platform.pem", Key: "platform-key.pem"}, Authority: "../ca/ca.pem", Seeds: []string{"127.0.0.1:9100"}},
		Tenants:     TenantsFile{Address: "127.0.0.1:9101", User: "tenants", PasswordFile: "tenants-password"},
		Login:       LoginFile{SessionLifetime: Duration(time.Hour), ExemptNetworks: []netip.Prefix{}},
		Log:         LogFile{File: "log", MaxBytes: 1 << 20, Files: 3},
		Audit:       LogFile{File: "audit.log", MaxBytes: 1 << 20, Files: 2},
	}
}

func goodBalancerFile() BalancerFile {
	return BalancerFile{
		PhysicalClusterID: "pkc-a", Kafka: "127.0.0.1:9092", REST: "127.0.0.1:8082", Admin: "admin.sock",
		Backends: []BalancerBackend{{Node: 0, Kafka: "../gateway-0/kafka.sock", REST: "../gateway-0/rest.sock", Admin: "../gateway-0/admin.sock"}},
		Limits:   BalancerLimits{DialTimeout: Duration(time.Second)},
		Log:      LogFile{File: "log", MaxBytes: 1 << 20, Files: 3},
	}
}

func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "role.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encoded(t *testing.T, file any) string {
	t.Helper()
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRoleFilesAreReadAsWritten(t *testing.T) {
	prefixes := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	gateway, err := ReadGatewayFile(writeFile(t, []byte(encoded(t, goodGatewayFile()))))
	if diff := cmp.Diff(goodGatewayFile(), gateway, prefixes); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	balancer, err := ReadBalancerFile(writeFile(t, []byte(encoded(t, goodBalancerFile()))))
	if diff := cmp.Diff(goodBalancerFile(), balancer); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	// Nobody and everybody are different lists.
	everybody := goodGatewayFile()
	everybody.Login.ExemptNetworks = nil
	if gateway, err = ReadGatewayFile(writeFile(t, []byte(encoded(t, everybody)))); err != nil || gateway.Login.ExemptNetworks != nil {
		t.Errorf("%v, %v", gateway.Login.ExemptNetworks, err)
	}
}

func TestGatewayFileRefusals(t *testing.T) {
	for want, spoil := range map[string]func(*GatewayFile){
		"physical_cluster_id":       func(f *GatewayFile) { f.PhysicalClusterID = "../x" },
		"node is -1":                func(f *GatewayFile) { f.Node = -1 },
		`engine is "embedded"`:      func(f *GatewayFile) { f.Engine = orrery.EngineEmbedded },
		"listen is":                 func(f *GatewayFile) { f.Listen = "localhost" },
		"sockets.kafka is missing":  func(f *GatewayFile) { f.Sockets.Kafka = "" },
		"has to be relative":        func(f *GatewayFile) { f.Sockets.REST = "/run/rest.sock" },
		"may have 100":              func(f *GatewayFile) { f.Sockets.Admin = strings.Repeat("a", 101) },
		"certificate.key":           func(f *GatewayFile) { f.Certificate.Key = "" },
		"platform.authority":        func(f *GatewayFile) { f.Platform.Authority = "" },
		"platform.seeds is empty":   func(f *GatewayFile) { f.Platform.Seeds = nil },
		`platform.seeds is "x"`:     func(f *GatewayFile) { f.Platform.Seeds = []string{"x"} },
		"tenants.address":           func(f *GatewayFile) { f.Tenants.Address = ":" },
		"tenants.password_file":     func(f *GatewayFile) { f.Tenants.PasswordFile = "" },
		"login.session_lifetime is": func(f *GatewayFile) { f.Login.SessionLifetime = -1 },
		"log.files and":             func(f *GatewayFile) { f.Log.Files = 0 },
		"audit.max_bytes are":       func(f *GatewayFile) { f.Audit.MaxBytes = 1 },
	} {
		file := goodGatewayFile()
		spoil(&file)
		path := writeFile(t, []byte(encoded(t, file)))
		_, err := ReadGatewayFile(path)
		if orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestBalancerFileRefusals(t *testing.T) {
	for want, spoil := range map[string]func(*BalancerFile){
		"kafka is":                func(f *BalancerFile) { f.Kafka = "" },
		"rest is":                 func(f *BalancerFile) { f.REST = "x" },
		"admin is missing":        func(f *BalancerFile) { f.Admin = "" },
		"backends.kafka":          func(f *BalancerFile) { f.Backends[0].Kafka = "/a" },
		"backends.admin is":       func(f *BalancerFile) { f.Backends[0].Admin = "/a" },
		"backends has node 0":     func(f *BalancerFile) { f.Backends = append(f.Backends, f.Backends[0]) },
		"limits.connections is":   func(f *BalancerFile) { f.Limits.Connections = -1 },
		"limits.drain_timeout is": func(f *BalancerFile) { f.Limits.DrainTimeout = -1 },
		"log.file is missing":     func(f *BalancerFile) { f.Log.File = "" },
	} {
		file := goodBalancerFile()
		spoil(&file)
		if _, err := ReadBalancerFile(writeFile(t, []byte(encoded(t, file)))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestRoleFileIsReadStrictly(t *testing.T) {
	good := encoded(t, goodBalancerFile())
	for want, content := range map[string]string{
		"unknown field":        strings.Replace(good, `"admin"`, `"adnim"`, 1),
		"goes on after":        good + "{}",
		"not a configuration":  "[]",
		"EOF":                  "",
		"missing unit":         strings.Replace(good, `"1s"`, `"1"`, 1),
		"too many for":         good + strings.Repeat(" ", maxRoleFile),
		"unknown name":         strings.Replace(good, `"INFO"`, `"LOUD"`, 1),
		"backends.rest is mis": strings.Replace(good, `"rest":"../gateway-0/rest.sock"`, `"rest":""`, 1),
	} {
		if _, err := ReadBalancerFile(writeFile(t, []byte(content))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := ReadBalancerFile(filepath.Join(t.TempDir(), "nothing")); orrery.ErrorCode(err) != orrery.Invalid {
		t.Errorf("a file that is missing: %v", err)
	}
}
