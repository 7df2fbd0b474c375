package sim_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery/internal/sim"
)

var update = flag.Bool("update", false, "rewrite what the scripts of testdata are expected to say")

// Each script of testdata says what it is expected to say; an incident becomes one.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := sim.RunScript(t.Context(), string(script), nil)
			if err != nil {
				t.Errorf("%v\n%s", err, got)
			}
			if *update && got != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(script), got); diff != "" {
				t.Errorf("it says something else (-want +got); go test ./internal/sim -run Scripts -update writes it\n%s", diff)
			}
		})
	}
}
