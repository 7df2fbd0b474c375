package link_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
)

func TestEncodeKeepsContentByteForByte(t *testing.T) {
	content := json.RawMessage(`{ "b" : 1.0e2,"a":"<&>\u003c ` + "\u2028" + `" , "later":[ ] }`)
	key, value, err := link.Encode(link.Message{Kind: "psc", ID: "pkc-1", Generation: orrery.Generation{Number: 3}, Content: content})
	if err != nil {
		t.Fatal(err)
	}
	got, err := link.Decode(key, value)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Content, content) {
		t.Errorf("content became %q, was %q", got.Content, content)
	}
	if got.Version != link.WireVersion || got.Generation.Number != 3 || got.Key() != "psc/pkc-1" {
		t.Errorf("the envelope became %+v", got)
	}
}

func TestTombstone(t *testing.T) {
	key, value, err := link.Encode(link.Message{Kind: "credential", ID: "pkc-1/KEY", Tombstone: true, Content: json.RawMessage(`{}`)})
	if err != nil || value != nil {
		t.Fatalf("Encode of a tombstone returned value %q and %v; want nil and nil", value, err)
	}
	got, err := link.Decode(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (link.Message{Kind: "credential", ID: "pkc-1/KEY", Tombstone: true}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestDecodeOfALaterVersion(t *testing.T) {
	got, err := link.Decode([]byte("psc/pkc-1"), []byte(
		`{"version":2,"kind":"psc","id":"pkc-1","generation":{"term":1,"number":9,"epoch":4},"trace":"x","content":{"brokers":3,"new":[1,2]},"priority":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := link.Message{Version: 2, Kind: "psc", ID: "pkc-1", Generation: orrery.Generation{Term: 1, Number: 9}, Content: json.RawMessage(`{"brokers":3,"new":[1,2]}`)}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestMalformed(t *testing.T) {
	good := `{"version":1,"kind":"psc","id":"pkc-1","generation":{"term":0,"number":1}}`
	if _, err := link.Decode([]byte("psc/pkc-1"), []byte(good)); err != nil {
		t.Fatalf("the message that the cases are variations of is refused: %v", err)
	}
	for name, c := range map[string]struct{ key, value string }{
		"not JSON":            {"psc/pkc-1", "\x00\xffgarbage"},
		"empty":               {"psc/pkc-1", ""},
		"JSON, not an object": {"psc/pkc-1", `[1]`},
		"more after it":       {"psc/pkc-1", good + "{}"},
		"no key":              {"", good},
		"key without slash":   {"psc", good},
		"key without id":      {"psc/", good},
		"key without kind":    {"/pkc-1", good},
		"key of another":      {"psc/pkc-2", good},
		"kind of another":     {"tenant/pkc-1", good},
		"key not UTF-8":       {"psc/\xff", strings.Replace(good, "pkc-1", "\xff", 1)},
		"key too long":        {"psc/" + strings.Repeat("x", link.MaxID+1), good},
		"too large":           {"psc/pkc-1", strings.Replace(good, `"id"`, strings.Repeat(" ", link.MaxMessage)+`"id"`, 1)},
		"no version":          {"psc/pkc-1", strings.Replace(good, `"version":1,`, "", 1)},
		"negative version":    {"psc/pkc-1", strings.Replace(good, `"version":1`, `"version":-1`, 1)},
		"negative generation": {"psc/pkc-1", strings.Replace(good, `"number":1`, `"number":-1`, 1)},
		"generation overflow": {"psc/pkc-1", strings.Replace(good, `"number":1`, `"number":9223372036854775808`, 1)},
	} {
		if m, err := link.Decode([]byte(c.key), []byte(c.value)); !errors.Is(err, link.ErrMalformed) {
			t.Errorf("%s: Decode returned %+v and %v; want an ErrMalformed", name, m, err)
		}
	}
	for name, m := range map[string]link.Message{
		"no kind":             {ID: "x"},
		"no id":               {Kind: "psc"},
		"slash in kind":       {Kind: "a/b", ID: "x"},
		"id too long":         {Kind: "psc", ID: strings.Repeat("x", link.MaxID+1)},
		"content not JSON":    {Kind: "psc", ID: "x", Content: json.RawMessage(`{`)},
		"content ends early":  {Kind: "psc", ID: "x", Content: json.RawMessage(`1},"deleted":true,"x":{"y":1`)},
		"content too large":   {Kind: "psc", ID: "x", Content: json.RawMessage(`"` + strings.Repeat("x", link.MaxMessage) + `"`)},
		"negative version":    {Kind: "psc", ID: "x", Version: -1},
		"negative generation": {Kind: "psc", ID: "x", Generation: orrery.Generation{Term: -1}},
	} {
		if _, value, err := link.Encode(m); !errors.Is(err, link.ErrMalformed) {
			t.Errorf("%s: Encode returned %.80q and %v; want an ErrMalformed", name, value, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("psc/pkc-1"), []byte(`{"version":1,"kind":"psc","id":"pkc-1","generation":{"term":0,"number":1},"content":{"a":1}}`))
	f.Add([]byte("credential/pkc-1/KEY"), []byte(`{"version":2,"kind":"credential","id":"pkc-1/KEY","new":{},"deleted":true,"content": null }`))
	f.Add([]byte("a/b"), []byte(`{"Version":1,"KIND":"a","id":"b","content":"<\u2028>"}`))
	f.Add([]byte("/"), []byte(nil))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		m, err := link.Decode(key, value)
		if err != nil {
			if !errors.Is(err, link.ErrMalformed) {
				t.Fatalf("error without ErrMalformed: %v", err)
			}
			return
		}
		if m.Key() != string(key) {
			t.Fatalf("key %q decoded as %q", key, m.Key())
		}
		key2, value2, err := link.Encode(m)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		again, err := link.Decode(key2, value2)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		if !cmp.Equal(m, again) {
			t.Fatal(cmp.Diff(m, again))
		}
	})
}
