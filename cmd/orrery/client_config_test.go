package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var languages = []string{"librdkafka", "java", "franz-go", "python", "nodejs"}

func testClientConfig() clientConfig {
	return clientConfig{Name: "lkc-abc123", Bootstrap: "127.0.0.1:19092", APIKey: "ABCDEFGHIJKLMNOP", APISecret: "s3cr3t-s3cr3t_s3cr3t",
		CAFile: "/home/me/.local/share/orrery/pki/ca.pem", Topic: "greetings", Group: "hello"}
}

// nastyClientConfig has in every value what its language must escape.
func nastyClientConfig() clientConfig {
	c := testClientConfig()
	c.APISecret = `a"b\c'd$e{f}#g=h:i é 😀`
	c.CAFile = `/home/me/my data/"quoted"/ca\.pem`
	c.Topic = "it's"
	return c
}

func render(t *testing.T, language string, c clientConfig) string {
	t.Helper()
	text, err := renderClientConfig(language, c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClientConfig(t *testing.T) {
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			golden(t, filepath.Join("testdata", "client-config", language+".golden"), render(t, language, testClientConfig()))
			withSystemAuthorities := testClientConfig()
			withSystemAuthorities.CAFile = ""
			if got := render(t, language, withSystemAuthorities); strings.Contains(got, "ssl.ca") || strings.Contains(got, "truststore") || strings.Contains(got, "x509") {
				t.Errorf("without a CA file:\n%s", got)
			}
			bad := testClientConfig()
			bad.APISecret = "a\nsasl.username=b"
			if _, err := renderClientConfig(language, bad); err == nil {
				t.Error("a line break in a secret is accepted")
			}
		})
	}
}

// compile writes a program to a file and has its language check it.
func compile(t *testing.T, name, text string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], write(t, t.TempDir(), name, text))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

func TestClientConfigCompiles(t *testing.T) {
	plain, nasty := testClientConfig(), nastyClientConfig()
	system := plain
	system.CAFile = ""
	for name, c := range map[string]clientConfig{"plain": plain, "nasty": nasty, "system authorities": system} {
		t.Run("franz-go/"+name, func(t *testing.T) {
			if _, err := parser.ParseFile(token.NewFileSet(), "main.go", render(t, "franz-go", c), parser.SkipObjectResolution); err != nil {
				t.Error(err)
			}
		})
		t.Run("python/"+name, func(t *testing.T) {
			compile(t, "hello.py", render(t, "python", c), "python3", "-m", "py_compile")
		})
		t.Run("nodejs/"+name, func(t *testing.T) {
			compile(t, "hello.js", render(t, "nodejs", c), "node", "--check")
		})
	}
}

// TestFranzGoProgramCompiles builds the program as the module's own tests have its libraries.
func TestFranzGoProgramCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	for name, c := range map[string]clientConfig{"authority": testClientConfig(), "system": {Bootstrap: "b:1", APIKey: "k", APISecret: "s", Topic: "t", Group: "g"}} {
		t.Run(name, func(t *testing.T) { compile(t, "main.go", render(t, "franz-go", c), "go", "vet") })
	}
}

// evaluate runs a few lines behind a program's settings, and returns what they print.
func TestStringsArriveUnchanged(t *testing.T) {
	c := nastyClientConfig()
	quoted, err := quote(c.APISecret)
	if err != nil {
		t.Fatal(err)
	}
	if got := compile(t, "q.py", "import sys\nsys.stdout.buffer.write("+quoted+".encode())\n", "python3"); got != c.APISecret {
		t.Errorf("python reads %q, want %q", got, c.APISecret)
	}
	if got := compile(t, "q.js", "process.stdout.write("+quoted+")\n", "node"); got != c.APISecret {
		t.Errorf("node reads %q, want %q", got, c.APISecret)
	}
}

const loadProperties = `import java.io.*;
import java.util.*;
class Load {
  public static void main(String[] args) throws Exception {
    Properties p = new Properties();
    try (InputStream in = new FileInputStream(args[0])) { p.load(in); }
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    for (String name : new TreeSet<>(p.stringPropertyNames())) out.println(name + "=" + p.getProperty(name));
  }
}
`

// TestJavaProperties has Java itself read the file.
func TestJavaProperties(t *testing.T) {
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip(err)
	}
	c := nastyClientConfig()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "java", write(t, dir, "Load.java", loadProperties), write(t, dir, "client.properties", render(t, "java", c)))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	want := strings.Join([]string{
		"bootstrap.servers=127.0.0.1:19092",
		`sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="ABCDEFGHIJKLMNOP" password="a\"b\\c'd$e{f}#g=h:i é 😀";`,
		"sasl.mechanism=PLAIN",
		"security.protocol=SASL_SSL",
		"ssl.truststore.location=" + c.CAFile,
		"ssl.truststore.type=PEM",
	}, "\n") + "\n"
	if string(out) != want {
		t.Errorf("Java reads\n%swant\n%s", out, want)
	}
}

func TestClientConfigCommand(t *testing.T) {
	home := t.TempDir()
	environ := []string{"HOME=" + home, "ORRERY_KAFKA_BOOTSTRAP=127.0.0.1:19092", "ORRERY_CA_FILE=ca.pem", "ORRERY_CLUSTER=lkc-abc123"}
	got := invoke(t, environ, "", "kafka", "client-config", "librdkafka")
	if got.code != exitFailure || !strings.Contains(got.stderr, "orrery api-key create --resource lkc-abc123 --save") {
		t.Errorf("without a key: exit code %d, stderr %q", got.code, got.stderr)
	}
	if _, err := newProgram(environ, nil, nil, nil).saveKey("lkc-abc123", savedKey{"SAVED", "saved-secret"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		environ    []string
		args       []string
	}{
		{"saved", "sasl.username=SAVED\nsasl.password=saved-secret\n", nil, nil},
		{"environment before saved", "sasl.username=E\nsasl.password=es\n", []string{"ORRERY_KAFKA_API_KEY=E", "ORRERY_KAFKA_API_SECRET=es"}, nil},
		{"flag before environment", "sasl.username=F\nsasl.password=fs\n", []string{"ORRERY_KAFKA_API_KEY=E", "ORRERY_KAFKA_API_SECRET=es"}, []string{"--api-key", "F", "--api-secret", "fs"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := invoke(t, append(append([]string{}, environ...), test.environ...), "", append([]string{"kafka", "client-config", "librdkafka"}, test.args...)...)
			if got.code != exitOK || !strings.Contains(got.stdout, test.want) {
				t.Errorf("exit code %d, stderr %q, stdout:\n%s", got.code, got.stderr, got.stdout)
			}
			absolute, err := filepath.Abs("ca.pem")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.stdout, "ssl.ca.location="+absolute+"\n") {
				t.Errorf("the CA file is not absolute:\n%s", got.stdout)
			}
		})
	}
}
