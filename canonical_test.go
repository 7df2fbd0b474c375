package orrery_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
)

// modelCanonicalJSON is what CanonicalJSON has to be: package json sorts the keys of a map.
func modelCanonicalJSON(document []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// FuzzCanonicalJSON compares any document with the model's, and looks that it is canonical already then.
func FuzzCanonicalJSON(f *testing.F) {
	for _, seed := range []string{
		``, `null`, ` { } `, `[]`, `{"b":1,"a":[2.50,1e9,-0,true,false,null,{"z":"","y":[{}]}]}`, `{"a":1,"a":2,"b":3,"a":4}`,
		"{\"\\u0061\":1, \"a\" : 2,\t\"é\":\"\\u00e9 < & > \\n \u2028 \\ud800\"}\n", `{"a":{"c":{"f":1,"e":2},"b":1}} {"next":1}`,
		`{"a"}`, `[1,]`, `"\x"`, "\"\xff\"", `{"":{"":{"":0}}}`, `{"10":1,"9":2,"A":3,"a":4,"_":5}`,
		strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200), `  12345678901234567890.1E+5 `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		want, wantErr := modelCanonicalJSON(document)
		got, err := orrery.CanonicalJSON(document)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v; the model has %v", document, err, wantErr)
		}
		if err != nil {
			return
		}
		if string(got) != string(want) {
			t.Fatalf("%q became %s; the model has %s", document, got, want)
		}
		if again, err := orrery.CanonicalJSON(got); err != nil || string(again) != string(got) {
			t.Fatalf("%s became %s, %v", got, again, err)
		}
	})
}
