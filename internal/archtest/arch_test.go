package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowed is the whole dependency rule: a package may import only what its line lists.
// "" is the domain (the root package), which every package may import and which imports nothing.
// A directory is covered by its longest listed prefix; "*" means anything but cmd, sim and archtest.
var allowed = map[string][]string{
	"":                                 {},
	"wire":                             {}, // the JSON shapes of the public API, which server and client share
	"client":                           {"wire"},
	"console":                          {},
	"internal/placement":               {},
	"internal/profile":                 {},
	"internal/tenancy":                 {},
	"internal/authz":                   {},
	"internal/quota":                   {},
	"internal/rollout":                 {},
	"internal/health":                  {}, // signs of gray failures to verdicts: the satellite feeds it, the operator acts on it
	"internal/usage":                   {}, // the arithmetic of metering: gateways write it, satellites add it up
	"internal/store":                   {},
	"internal/store/storetest":         {"internal/store"},
	"internal/store/sqlite":            {"internal/store"},
	"internal/store/postgres":          {"internal/store"},
	"internal/store/mem":               {"internal/store"},
	"internal/link":                    {},
	"internal/link/linktest":           {"internal/link", "internal/poll"},
	"internal/link/kafka":              {"internal/link"},
	"internal/link/mem":                {"internal/link"},
	"internal/link/door":               {"internal/link/kafka"}, // who may do what at the link's topics is said there
	"internal/substrate":               {},
	"internal/substrate/substratetest": {"internal/substrate", "internal/poll"},
	"internal/substrate/kube":          {"internal/substrate", "internal/pki", "internal/balancer", "internal/dns"},
	"internal/substrate/book":          {"internal/durable"}, // directories, records and addresses of clusters on this host
	"internal/substrate/process":       {"internal/substrate", "internal/substrate/book", "internal/pki", "internal/detached", "internal/durable", "internal/engine"},
	"internal/substrate/inproc":        {"internal/substrate", "internal/substrate/book", "internal/pki", "internal/balancer", "internal/durable", "internal/proxyprotocol"}, // the wiring hands it a start-gateway function
	"internal/brokers":                 {},
	"internal/brokers/brokerstest":     {"internal/brokers", "internal/poll"},
	"internal/brokers/kafka":           {"internal/brokers", "internal/tenancy"},
	"internal/brokers/mem":             {"internal/brokers", "internal/tenancy"},
	"internal/mothership": {
		"internal/placement", "internal/profile", "internal/tenancy", "internal/authz", "internal/quota", "internal/rollout",
		"internal/store", "internal/link", "internal/identitypool", "internal/clientcertificate"},
	"internal/dataplane": { // gateway and balancer, inside another process or each as one
		"internal/gateway", "internal/kafkarest", "internal/balancer", "internal/proxyprotocol", "internal/pki", "internal/logfile", "internal/substrate/process"},
	"internal/rest":                {"wire", "internal/mothership"},
	"internal/operator":            {"internal/substrate", "internal/brokers", "internal/profile", "internal/rollout", "internal/health"},
	"internal/satellite":           {"internal/link", "internal/operator", "internal/health", "internal/prober", "internal/watch", "internal/brokers", "internal/tenancy", "internal/usage", "internal/pki", "internal/durable", "internal/jwks"},
	"internal/gateway":             {"internal/tenancy", "internal/authz", "internal/quota", "internal/usage", "internal/scram", "internal/oauthbearer", "internal/identitypool", "internal/clientcertificate", "internal/proxyprotocol"},
	"internal/gateway/gatewaytest": {"internal/gateway", "internal/tenancy", "internal/kafkatest"}, // gateways in front of a real engine, for tests of the gateway and of its second face
	"internal/kafkarest":           {"wire", "internal/authz", "internal/gateway", "internal/tenancy"},
	"internal/balancer":            {},
	"internal/scram":               {},                             // how clients prove who they are: messages in, messages out
	"internal/oauthbearer":         {},                             // the same, with tokens of an identity provider
	"internal/clientcertificate":   {},                             // certificate authorities of tenants and what they signed: the mothership checks uploads, the gateway verifies clients
	"internal/identitypool":        {"internal/clientcertificate"}, // the filters and claims of identity pools: the mothership checks them, the gateway evaluates them
	"internal/jwks":                {"internal/oauthbearer"},       // the public keys of identity providers, fetched for the satellite
	"internal/proxyprotocol":       {},                             // the client's address through a balancer
	"internal/dns":                 {},
	"internal/durable":             {}, // files that survive a crash, for whoever keeps any
	"internal/detached":            {}, // processes that outlive who started them
	"internal/pace":                {}, // when a loop takes its next step: for the wiring and the simulation
	"internal/logfile":             {}, // logs of bounded size
	"internal/pki":                 {"internal/durable"},
	"internal/poll":                {},                                                                             // for tests, and suites of tests
	"internal/prober":              {"internal/health"},                                                            // its samples are what the model of health reads
	"internal/gauge":               {"internal/health"},                                                            // the same of what the operating system says
	"internal/watch":               {"internal/gauge", "internal/health", "internal/prober", "internal/substrate"}, // both, every few seconds, beside a satellite
	"internal/engine":              {"internal/durable"},
	"internal/kafkatest":           {"internal/engine"},
	"internal/archtest":            {},
	"internal/sim":                 {"*"},
	"embedded":                     {"*"},
	"test/e2e":                     {},                                                                  // the program from outside: only its tests import anything
	"test/bench":                   {"test/bench/measured", "test/bench/speed", "test/bench/coldstart"}, // the same, measured
	"test/bench/measured":          {},                                                                  // sections of docs/measured.md, for whoever measures
	"test/bench/job":               {"internal/pki"},                                                    // what the processes below tell each other
	"test/bench/relay":             {"test/bench/job"},
	"test/bench/load":              {"test/bench/job"},
	"test/bench/gateway":           {"test/bench/job", "internal/gateway"},
	"test/bench/rig":               {"test/bench/job", "internal/gateway", "internal/kafkatest", "internal/pki", "internal/tenancy"}, // a gateway in front of a real engine
	"test/bench/coldstart":         {"test/bench/measured", "test/fault/platform", "internal/engine"},                                // from nothing to the first record of three brokers
	"test/bench/speed":             {"test/bench/job", "test/bench/measured", "test/bench/rig", "internal/engine", "internal/kafkatest"},
	"test/quota":                   {"test/bench/job", "test/bench/measured", "test/bench/rig", "internal/engine", "internal/kafkatest", "internal/profile"}, // who gets how much, and what that costs others
	"test/soak":                    {"test/bench/measured"},                                                                                                  // what is too long for make test, one part after another
	"test/scale":                   {"test/bench/job", "test/bench/measured", "internal/gateway", "internal/kafkatest", "internal/pki", "internal/tenancy"},  // many connections and many tenants
	"test/fault/platform":          {"client", "wire", "internal/detached", "internal/engine"},                                                               // the program with all its processes
	"test/fault":                   {},                                                                                                                       // what operators fear, under a load with exact checks: only its tests import anything
	"test/curves":                  {"internal/sim"},                                                                                                         // what the control plane costs as it grows
	"test/matrix":                  {"client", "wire"},                                                                                                       // the same, with every Kafka client
	"test/conformance":             {},                                                                                                                       // franz-go's own tests through gateways: only its tests import anything
	"cmd/orrery":                   {"*", "internal/sim"},
}

// pure packages compute: no I/O, no clock, no goroutines, so they may not reach for these.
var (
	steps       = []string{"internal/mothership", "internal/satellite", "internal/operator"} // loops are steps: no goroutine, no clock; they may do I/O through ports
	pure        = []string{"internal/placement", "internal/profile", "internal/tenancy", "internal/authz", "internal/quota", "internal/rollout", "internal/health", "internal/usage"}
	impureStd   = []string{"context", "database/sql", "io/fs", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "sync", "sync/atomic"}
	bannedNames = []string{"api", "base", "common", "core", "helper", "helpers", "lib", "misc", "model", "models", "shared", "types", "util", "utils"}
)

// module is this repository's module path.
var module = func() string {
	out, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
}()

const maxFunc = 70 // lines

type pkg struct {
	ImportPath, Dir, Name, Doc string
	GoFiles, Imports           []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,Doc,GoFiles,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

func rel(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func rule(dir string) (string, []string, bool) {
	for d := dir; ; d = filepath.ToSlash(filepath.Dir(d)) {
		if d == "." {
			d = ""
		}
		if r, ok := allowed[d]; ok && (d != "" || dir == "") {
			return d, r, true
		}
		if d == "" {
			return "", nil, false
		}
	}
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		dir := rel(p.ImportPath)
		owner, may, ok := rule(dir)
		if !ok {
			t.Errorf("%s: no import rule; add a line to allowed", dir)
			continue
		}
		for _, path := range p.Imports {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			imp := rel(path)
			switch {
			case imp == "" && dir != "": // everyone may import the domain
			case slices.Contains(may, imp):
			case slices.Contains(may, "*") && !strings.HasPrefix(imp, "cmd/") && imp != "internal/sim":
			default:
				t.Errorf("%s may not import %s (rule of %q)", dir, imp, owner)
			}
		}
	}
}

func TestPure(t *testing.T) {
	for _, p := range packages(t) {
		isPure := slices.Contains(pure, rel(p.ImportPath))
		if !isPure && !slices.Contains(steps, rel(p.ImportPath)) {
			continue
		}
		for _, imp := range p.Imports {
			if isPure && slices.Contains(impureStd, imp) {
				t.Errorf("%s is pure and may not import %s", rel(p.ImportPath), imp)
			}
		}
		eachFile(t, p, func(name string, fset *token.FileSet, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: goroutine in a pure package or a step", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick"}, n.Sel.Name) {
						t.Errorf("%s: time.%s in a pure package or a step; take the time as an argument", fset.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		})
	}
}

func TestPackageDocsAndNames(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s: no package comment", p.ImportPath)
		}
		if slices.Contains(bannedNames, p.Name) {
			t.Errorf("%s: %q says nothing; name the package after what it provides", p.ImportPath, p.Name)
		}
	}
}

func TestFunctionLength(t *testing.T) {
	for _, p := range packages(t) {
		eachFile(t, p, func(name string, fset *token.FileSet, f *ast.File) {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunc {
					t.Errorf("%s: %s is %d lines, over %d", fset.Position(fn.Pos()), fn.Name.Name, n, maxFunc)
				}
			}
		})
	}
}

func eachFile(t *testing.T, p pkg, fn func(string, *token.FileSet, *ast.File)) {
	t.Helper()
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		fn(name, fset, f)
	}
}
