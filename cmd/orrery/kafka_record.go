package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordFormat says how a record is printed: as a line of text, or as a JSON document on a line.
type recordFormat struct {
	offset, key, timestamp, json bool
	delimiter                    string
}

// recordDocument is a record as JSON. Bytes that are not UTF-8 are in base 64 in the fields that say so.
type recordDocument struct {
	Topic       string           `json:"topic"`
	Partition   int32            `json:"partition"`
	Offset      int64            `json:"offset"`
	Timestamp   time.Time        `json:"timestamp"`
	Key         *string          `json:"key,omitempty"`
	KeyBase64   []byte           `json:"key_base64,omitempty"`
	Value       *string          `json:"value,omitempty"`
	ValueBase64 []byte           `json:"value_base64,omitempty"`
	Headers     []headerDocument `json:"headers,omitempty"`
}

type headerDocument struct {
	Name        string  `json:"name"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
}

// write prints one record. A null key or value, which is not an empty one, is "null" as text.
func (f recordFormat) write(w *bufio.Writer, r *kgo.Record) error {
	if f.json {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(newRecordDocument(r))
	}
	if f.timestamp {
		fmt.Fprintf(w, "%s\t", r.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if f.offset {
		fmt.Fprintf(w, "%d/%d\t", r.Partition, r.Offset)
	}
	if f.key {
		w.Write(orNull(r.Key))
		w.WriteString(f.delimiter)
	}
	w.Write(orNull(r.Value))
	return w.WriteByte('\n')
}

func orNull(b []byte) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}

func newRecordDocument(r *kgo.Record) recordDocument {
	d := recordDocument{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC()}
	d.Key, d.KeyBase64 = textOrBytes(r.Key)
	d.Value, d.ValueBase64 = textOrBytes(r.Value)
	for _, h := range r.Headers {
		header := headerDocument{Name: h.Key}
		header.Value, header.ValueBase64 = textOrBytes(h.Value)
		d.Headers = append(d.Headers, header)
	}
	return d
}

func textOrBytes(b []byte) (*string, []byte) {
	switch {
	case b == nil:
		return nil, nil
	case utf8.Valid(b):
		text := string(b)
		return &text, nil
	}
	return nil, b
}
