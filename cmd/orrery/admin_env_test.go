package main

import (
	"os"
	"strings"
	"testing"
)

const goodAdminEnv = "ORRERY_URL=http://127.0.0.1:8080\nORRERY_API_KEY=ADMINKEY\nORRERY_API_SECRET=s3cr3t=\nORRERY_CA_FILE=/data dir/ca.pem\n"

func TestParseAdminEnv(t *testing.T) {
	got, err := parseAdminEnv([]byte("# written by orrery up\n\n" + goodAdminEnv))
	want := adminEnv{url: "http://127.0.0.1:8080", keyID: "ADMINKEY", secret: "s3cr3t=", caFile: "/data dir/ca.pem"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, test := range map[string]struct{ content, message string }{
		"empty":             {"", "ORRERY_URL is missing"},
		"cut off":           {goodAdminEnv[:53], "ORRERY_API_SECRET is missing"},
		"unknown name":      {goodAdminEnv + "ORRERY_OTHER=1\n", "line 5 has an unknown name"},
		"twice":             {goodAdminEnv + "ORRERY_URL=http://127.0.0.1:1\n", "line 5 repeats ORRERY_URL"},
		"no value":          {"ORRERY_URL=\n", "line 1: ORRERY_URL is empty"},
		"no equals sign":    {"ORRERY_URL\n", "line 1 is not NAME=VALUE"},
		"control character": {strings.Replace(goodAdminEnv, "s3", "s\x013", 1), "line 3: ORRERY_API_SECRET holds a character"},
		"carriage return":   {strings.ReplaceAll(goodAdminEnv, "ADMINKEY\n", "ADMIN\rKEY\n"), "line 2: ORRERY_API_KEY holds a character"},
		"a shell's export":  {"export " + goodAdminEnv, "line 1 has an unknown name"},
		"too large":         {strings.Repeat("#\n", maxAdminEnv), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseAdminEnv([]byte(test.content))
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("the error is %v, want %q", err, test.message)
			}
			if err != nil && strings.Contains(err.Error(), "s3") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func FuzzParseAdminEnv(f *testing.F) {
	f.Add([]byte(goodAdminEnv))
	f.Add([]byte("ORRERY_URL=\n"))
	f.Add([]byte("#\n=\n\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := parseAdminEnv(content)
		if err != nil {
			return
		}
		for _, value := range []string{got.url, got.keyID, got.secret, got.caFile} {
			if value == "" || strings.ContainsAny(value, "\n\x00") {
				t.Errorf("accepted %q as a value", value)
			}
		}
	})
}

// TestConnection tries what is set against what admin.env says.
func TestConnection(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "admin.env", goodAdminEnv)
	empty := t.TempDir()
	damaged := t.TempDir()
	write(t, damaged, "admin.env", "nonsense\n")
	for _, test := range []struct {
		name    string
		environ []string
		want    connection
		message string
	}{
		{"admin.env", []string{"ORRERY_DIR=" + dir}, connection{"http://127.0.0.1:8080", "ADMINKEY", "s3cr3t=", "/data dir/ca.pem"}, ""},
		{"its own address", []string{"ORRERY_DIR=" + dir, "ORRERY_URL=http://127.0.0.1:8080/"}, connection{"http://127.0.0.1:8080/", "ADMINKEY", "s3cr3t=", "/data dir/ca.pem"}, ""},
		{"another key", []string{"ORRERY_DIR=" + dir, "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{"http://127.0.0.1:8080", "K", "S", "/data dir/ca.pem"}, ""},
		{"another server never gets the admin key", []string{"ORRERY_DIR=" + dir, "ORRERY_URL=https://elsewhere.example"}, connection{}, "no API key is given for https://elsewhere.example"},
		{"nothing of admin.env for another server", []string{"ORRERY_DIR=" + dir, "ORRERY_URL=https://elsewhere.example", "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{url: "https://elsewhere.example", keyID: "K", secret: "S"}, ""},
		{"no admin.env", []string{"ORRERY_DIR=" + empty}, connection{}, "admin.env does not exist"},
		{"no directory", nil, connection{}, "without $HOME"},
		{"everything set without one", []string{"ORRERY_DIR=" + empty, "ORRERY_URL=http://127.0.0.1:1", "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{url: "http://127.0.0.1:1", keyID: "K", secret: "S"}, ""},
		{"damaged", []string{"ORRERY_DIR=" + damaged}, connection{}, "line 1 is not NAME=VALUE"},
		{"damaged and not needed", []string{"ORRERY_DIR=" + damaged, "ORRERY_URL=http://127.0.0.1:1", "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{url: "http://127.0.0.1:1", keyID: "K", secret: "S"}, ""},
		{"half a key", []string{"ORRERY_DIR=" + dir, "ORRERY_API_KEY=K"}, connection{}, "without its secret"},
		{"the other half", []string{"ORRERY_DIR=" + dir, "ORRERY_API_SECRET=S"}, connection{}, "without its key"},
		{"secret in clear", []string{"ORRERY_URL=http://192.0.2.1:8080", "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{}, "in clear over the network"},
		{"not a URL", []string{"ORRERY_URL=127.0.0.1:8080", "ORRERY_API_KEY=K", "ORRERY_API_SECRET=S"}, connection{}, "not the URL of a server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProgram(test.environ, nil, nil, nil)
			cmd, _, err := p.rootCommand().Find([]string{"environment", "list"})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.settle(cmd); err != nil {
				t.Fatal(err)
			}
			got, err := p.connection()
			switch {
			case test.message == "" && (err != nil || got != test.want):
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			case test.message != "" && (err == nil || !strings.Contains(err.Error(), test.message)):
				t.Errorf("the error is %v, want %q", err, test.message)
			}
		})
	}
}

func TestUnreadableAdminEnv(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	if err := os.Chmod(write(t, dir, "admin.env", goodAdminEnv), 0); err != nil {
		t.Fatal(err)
	}
	got := invoke(t, []string{"ORRERY_DIR=" + dir}, "", "environment", "list")
	if got.code != exitFailure || !strings.Contains(got.stderr, "may not be read by this user") {
		t.Errorf("exit code %d, stderr %q", got.code, got.stderr)
	}
}
