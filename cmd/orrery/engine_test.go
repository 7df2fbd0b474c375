package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery/internal/engine"
)

// TestEngineInstall installs what the cache of the tests has or gets, and finds it there.
func TestEngineInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	environ := append(os.Environ(), "ORRERY_ENGINE_CACHE="+os.Getenv("ORRERY_ENGINE_CACHE"))
	for range 2 { // the second time it is there
		got := invoke(t, environ, "", "engine", "install", engine.DefaultVersion, "-o", "json")
		var installed []installedEngine
		if err := json.Unmarshal([]byte(got.stdout), &installed); got.code != exitOK || err != nil {
			t.Fatalf("exit code %d, %v\n%s%s", got.code, err, got.stdout, got.stderr)
		}
		if len(installed) != 1 || installed[0].Version != engine.DefaultVersion || !installed[0].Default || installed[0].State != "ready" {
			t.Errorf("installed %+v", installed)
		}
		if _, err := os.Stat(installed[0].ClassArchive); err != nil {
			t.Errorf("no class archive: %v", err)
		}
	}
	got := invoke(t, environ, "", "engine", "install", "--quiet")
	if got.code != exitOK || got.stderr != "" || !strings.HasPrefix(got.stdout, "Apache Kafka "+engine.DefaultVersion+" is ready (") {
		t.Errorf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	list := invoke(t, environ, "", "engine", "list", "-o", "json")
	var known []engineFacts
	if err := json.Unmarshal([]byte(list.stdout), &known); err != nil {
		t.Fatal(err)
	}
	if len(known) != len(engine.Versions()) || known[len(known)-1].State != "ready" {
		t.Errorf("the list is %+v", known)
	}
}
