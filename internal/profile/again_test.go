package profile_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/profile"
)

func dedicated(t *testing.T, engine string, cku int) (orrery.PSCSpec, map[string]string) {
	t.Helper()
	spec, provenance, err := profile.Complete(partial(orrery.TypeDedicated, cku), profile.Newest, profile.Facts{Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	return spec, provenance
}

// Nothing is changed by completing what is complete.
func TestAgainChangesNothing(t *testing.T) {
	for _, engine := range []string{orrery.EngineApache, orrery.EngineEmbedded} {
		spec, provenance := dedicated(t, engine, 2)
		again, _, err := profile.Again(spec, provenance, profile.Override{}, "")
		if err != nil || !reflect.DeepEqual(again, spec) {
			t.Errorf("%s: %v, from %+v to %+v", engine, err, spec, again)
		}
	}
}

// More CKU are more brokers by the rule, and what was set by hand stays until it is taken back.
func TestAgain(t *testing.T) {
	spec, provenance := dedicated(t, orrery.EngineApache, 2)
	change := func(set profile.Override) {
		t.Helper()
		var err error
		if spec, provenance, err = profile.Again(spec, provenance, set, "u-1 asked for it"); err != nil {
			t.Fatal(err)
		}
	}
	spec.CKU = 5
	change(profile.Override{})
	if spec.Brokers != 5 || spec.Capacity.Partitions != 5*4_500 || provenance["/brokers"] != "kafka-1: max(3, CKU)" {
		t.Errorf("with 5 CKU: %+v, %v", spec, provenance)
	}
	version, seven, yes, bake := "4.2.1", 7, true, int64(90)
	change(profile.Override{Version: &version, Brokers: &seven, Paused: &yes, BakeSeconds: &bake})
	spec.CKU = 6
	change(profile.Override{})
	if spec.Version != "4.2.1" || spec.Brokers != 7 || !spec.Paused || spec.BakeSeconds != 90 || provenance["/version"] != "operator: u-1 asked for it" || provenance["/brokers"] != "operator: u-1 asked for it" {
		t.Errorf("set by hand: %+v, %v", spec, provenance)
	}
	none, zero, no := "", 0, false
	change(profile.Override{Version: &none, Brokers: &zero, Paused: &no})
	if spec.Version != "4.3.1" || spec.Brokers != 6 || spec.Paused || spec.BakeSeconds != 90 || strings.Contains(provenance["/version"]+provenance["/brokers"]+provenance["/paused"], "operator") {
		t.Errorf("taken back: %+v, %v", spec, provenance)
	}
	if findings := profile.Check(spec); len(findings) > 0 {
		t.Error(findings)
	}
}

func TestAgainRefuses(t *testing.T) {
	version, four, less := "9.9.9", 4, -1
	for name, c := range map[string]struct {
		engine string
		cku    int
		set    profile.Override
		says   string
	}{
		"a release that there is not": {orrery.EngineApache, 1, profile.Override{Version: &version}, "there are 4.2.1, 4.3.1"},
		"fewer than none":             {orrery.EngineApache, 1, profile.Override{Brokers: &less}, "-1 brokers"},
		"embedded, more brokers":      {orrery.EngineEmbedded, 1, profile.Override{Brokers: &four}, "the 3 brokers that it was made with"},
		"embedded, more CKU":          {orrery.EngineEmbedded, 4, profile.Override{}, "at most as many CKU"},
		"embedded, another version":   {orrery.EngineEmbedded, 1, profile.Override{Version: &version}, "comes with the program"},
	} {
		spec, provenance := dedicated(t, c.engine, 1)
		before := maps.Clone(provenance)
		spec.CKU = c.cku
		_, _, err := profile.Again(spec, provenance, c.set, "u-1 asked for it")
		if orrery.ErrorCode(err) != orrery.Invalid || !strings.Contains(err.Error(), c.says) || !maps.Equal(before, provenance) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
