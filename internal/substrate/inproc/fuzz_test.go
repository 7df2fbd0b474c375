package inproc

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orrery-kafka/orrery/internal/substrate/book"
)

// A log that was cut or damaged anywhere is read up to there, without a panic, and never has an end that its
// intact batches do not give.
func FuzzLogEnd(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(make([]byte, 61), make([]byte, 15))
	f.Add(append(make([]byte, 11), make([]byte, 100)...), make([]byte, 30))
	f.Fuzz(func(t *testing.T, log, index []byte) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{"0" + segmentSuffix: log, "0" + indexSuffix: index} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if end := logEnd(dir); end != 0 && (len(log) < 61 || len(index) < 15) {
			t.Errorf("%d bytes of log and %d of index end at %d", len(log), len(index), end)
		}
	})
}

// A damaged record is an error, never a panic, and one that is read has an address for each broker.
func FuzzReadRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"pkc-a","spec":{"brokers":1}}`))
	f.Add([]byte(`{"format":1,"id":"pkc-a","spec":{"brokers":1,"gateways":true},"endpoints":{"bootstrap":":1","brokers":[{"port":-1}]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		b, err := book.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if err := os.Mkdir(b.Dir("pkc-a"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.Dir("pkc-a"), "cluster.json"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := readRecord(b, "pkc-a")
		if err != nil {
			return
		}
		if r.Spec.Brokers < 1 || (r.Spec.Gateways && len(r.Endpoints.Brokers) != r.Spec.Brokers) {
			t.Errorf("%s was read as %+v", content, r)
		}
		book.PortsOf(r.Endpoints)
	})
}
