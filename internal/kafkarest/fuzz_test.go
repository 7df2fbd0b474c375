package kafkarest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzRecords feeds a body of records: reading ends, gives JSON within its bound, and each record is made or refused
// as the user's fault.
func FuzzRecords(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"value":{"type":"STRING","data":"x"}}{"partition_id":1}`, `[1] "x" null`, `{"a":`, "\x00\xff",
		`{"key":{"type":"BINARY","data":"AA=="},"value":{"type":"JSON","data":[]},"headers":[{"name":"h","value":"AA=="}],"timestamp":"2026-01-01T00:00:00Z"}`,
		strings.Repeat("[", 20_000), `{"timestamp":"9999-12-31T23:59:59+23:59"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		records := newRecordReader(bytes.NewReader(body))
		for read := 0; ; read++ {
			document, err := records.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var broken *brokenStream
			if errors.As(err, &broken) {
				wantUserFault(t, err)
				return
			}
			if err != nil || !json.Valid(document) || len(document) > maxRecordBytes || read > len(body) {
				t.Fatalf("record %d: %q, %v", read, document, err)
			}
			var request produceRequest
			if err := decodeObject(document, &request); err != nil {
				wantUserFault(t, err)
				continue
			}
			if record, err := request.record("topic"); err != nil {
				wantUserFault(t, err)
			} else if record.Partition < noPartition {
				t.Errorf("%s has partition %d", document, record.Partition)
			}
		}
	})
}

func wantUserFault(t *testing.T, err error) {
	t.Helper()
	if f := failureOf(err); f.status < 400 || f.status > 499 || f.message == "" {
		t.Errorf("%v is shown as %d %q", err, f.status, f.message)
	}
}

// TestRecordBound sends values around the bound, behind other values.
func TestRecordBound(t *testing.T) {
	fits := `"` + strings.Repeat("x", maxRecordBytes-2) + `"`
	for _, test := range []struct {
		body string
		want int // values before the end of the body, or before the error
		ok   bool
	}{
		{fits, 1, true}, {fits + fits, 2, true}, {"{} " + fits + "\n{}", 3, true},
		{`"x` + fits[1:], 0, false}, {"{}" + `"x` + fits[1:], 1, false}, {fits[:1] + fits[1:len(fits)-1] + fits[1:], 0, false},
	} {
		records := newRecordReader(slowReader{strings.NewReader(test.body)})
		got, err := 0, error(nil)
		for ; err == nil; got++ {
			_, err = records.next()
		}
		if got--; got != test.want || errors.Is(err, io.EOF) != test.ok || !test.ok && failureOf(err).code != codeTooLarge {
			t.Errorf("a body of %d bytes had %d values and then %v, want %d", len(test.body), got, err, test.want)
		}
	}
}

// slowReader gives a few bytes at a time, as a network does.
type slowReader struct{ io.Reader }

func (r slowReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1000)]) }
