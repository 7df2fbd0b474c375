package rest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/wire"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct{ name, body, pointer, message string }{
		{"good", `{"spec":{"display_name":"a","config":{"kind":"Basic"}}}`, "", ""},
		{"absent and null", `{"spec":{"environment":null}}`, "", ""},
		{"white space around", " \n{}\t\n", "", ""},
		{"empty", "", "", "needs a JSON object"},
		{"blank", " \n", "", "needs a JSON object"},
		{"garbage", `{"spec":`, "", "not valid JSON: unexpected end of JSON input, at line 1, column 8"},
		{"garbage on line 3", "{\n \"spec\":\n  !}", "", "at line 3, column 3"},
		{"trailing garbage", `{"spec":{}} {}`, "", "at line 1, column 13"},
		{"array", `[]`, "", "must be a JSON object, not an array"},
		{"string", `"x"`, "", "must be a JSON object, not a string"},
		{"null", `null`, "", "must be a JSON object"},
		{"not UTF-8", "{\"id\":\"\xff\"}", "", "not valid UTF-8"},
		{"unknown field", `{"colour":"red"}`, "/colour", "no field /colour"},
		{"unknown nested field", `{"spec":{"config":{"kind":"Basic","size":1}}}`, "/spec/config/size", "no field /spec/config/size"},
		{"unknown field of a reference", `{"spec":{"environment":{"id":"env-1","name":"x"}}}`, "/spec/environment/name", "no field"},
		{"other case", `{"Spec":{}}`, "/Spec", "no field /Spec"},
		{"escaped", `{"a/b~c":1}`, "/a~1b~0c", "no field /a~1b~0c"},
		{"wrong type", `{"spec":{"display_name":7}}`, "/spec/display_name", "must be a string, not a number"},
		{"wrong type deep", `{"spec":{"config":{"cku":"2"}}}`, "/spec/config/cku", "must be a whole number, not a string"},
		{"fraction", `{"spec":{"config":{"cku":1.5}}}`, "/spec/config/cku", "must be a whole number, not a number 1.5"},
		{"object for a list", `{"spec":{"config":{"zones":{}}}}`, "/spec/config/zones", "must be an array, not an object"},
		{"list for an object", `{"spec":[]}`, "/spec", "must be an object, not an array"},
		{"string for a boolean", `{"spec":{"deletion_protection":"yes"}}`, "/spec/deletion_protection", "must be true or false, not a string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := decode[wire.Cluster]([]byte(test.body))
			if test.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *orrery.Error
			if !errors.As(err, &e) || e.Code != orrery.Invalid || e.Pointer != test.pointer || !strings.Contains(e.Message, test.message) {
				t.Fatalf("got %#v, want pointer %q and a message with %q", err, test.pointer, test.message)
			}
		})
	}
}

// FuzzDecode holds every body of the table to this: no panic, an error is Invalid, and what was accepted survives
// being encoded and decoded again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"spec":{"display_name":"a","cloud":"aws","config":{"kind":"Dedicated","cku":2},"environment":{"id":"env-1","related":"_"}}}`))
	f.Add([]byte(`{"metadata":{"created_at":"2026-01-01T00:00:00Z"},"display_name":"x"}`))
	f.Add([]byte(`{"metadata":{"created_at":"yesterday"}}`))
	f.Add([]byte(`{"spec":{"endpoints":{"a":{"b":[1,{"c":null}]}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fuzzDecode[wire.OrganizationUpdate](t, body)
		fuzzDecode[wire.Environment](t, body)
		fuzzDecode[wire.EnvironmentUpdate](t, body)
		fuzzDecode[wire.Cluster](t, body)
		fuzzDecode[wire.ClusterUpdate](t, body)
		fuzzDecode[wire.ServiceAccount](t, body)
		fuzzDecode[wire.ServiceAccountUpdate](t, body)
		fuzzDecode[wire.APIKey](t, body)
		fuzzDecode[wire.APIKeyUpdate](t, body)
		fuzzDecode[wire.RoleBinding](t, body)
		fuzzDecode[wire.IdentityProvider](t, body)
		fuzzDecode[wire.IdentityProviderUpdate](t, body)
		fuzzDecode[wire.IdentityPool](t, body)
		fuzzDecode[wire.IdentityPoolUpdate](t, body)
		fuzzDecode[wire.CertificateAuthorityInput](t, body)
		fuzzDecode[wire.CertificatePool](t, body)
		fuzzDecode[wire.CertificatePoolUpdate](t, body)
		fuzzDecode[wire.RootAuthorityUpdate](t, body)
		fuzzDecode[wire.SatelliteRegistration](t, body)
		fuzzDecode[wire.PhysicalClusterUpdate](t, body)
	})
}

func fuzzDecode[T any](t *testing.T, body []byte) {
	v, err := decode[T](body)
	if err != nil {
		if orrery.ErrorCode(err) != orrery.Invalid {
			t.Fatalf("%T: %v", v, err)
		}
		return
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	again, err := decode[T](encoded)
	if err != nil {
		t.Fatalf("%T: %s: %v", v, encoded, err)
	}
	reencoded, err := json.Marshal(again)
	if err != nil || string(encoded) != string(reencoded) {
		t.Fatalf("%T: %s became %s (%v)", v, encoded, reencoded, err)
	}
}

// TestEveryBodyIsFuzzed keeps FuzzDecode complete.
func TestEveryBodyIsFuzzed(t *testing.T) {
	fuzzed := map[reflect.Type]bool{
		reflect.TypeFor[wire.OrganizationUpdate](): true, reflect.TypeFor[wire.Environment](): true, reflect.TypeFor[wire.EnvironmentUpdate](): true,
		reflect.TypeFor[wire.Cluster](): true, reflect.TypeFor[wire.ClusterUpdate](): true, reflect.TypeFor[wire.ServiceAccount](): true,
		reflect.TypeFor[wire.ServiceAccountUpdate](): true, reflect.TypeFor[wire.APIKey](): true, reflect.TypeFor[wire.APIKeyUpdate](): true,
		reflect.TypeFor[wire.RoleBinding](): true, reflect.TypeFor[wire.IdentityProvider](): true, reflect.TypeFor[wire.IdentityProviderUpdate](): true,
		reflect.TypeFor[wire.IdentityPool](): true, reflect.TypeFor[wire.IdentityPoolUpdate](): true,
		reflect.TypeFor[wire.CertificateAuthorityInput](): true, reflect.TypeFor[wire.CertificatePool](): true, reflect.TypeFor[wire.CertificatePoolUpdate](): true, reflect.TypeFor[wire.RootAuthorityUpdate](): true,
		reflect.TypeFor[wire.SatelliteRegistration](): true, reflect.TypeFor[wire.PhysicalClusterUpdate](): true,
	}
	for _, r := range (&server{}).routes() {
		if r.request != nil && !fuzzed[r.request] {
			t.Errorf("%s %s: the body %s is not fuzzed", r.method, r.path, r.request)
		}
	}
}
