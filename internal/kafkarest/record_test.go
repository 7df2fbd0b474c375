package kafkarest_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// produced sends a body of known length and returns the objects of the answer.
func (p *platform) produced(topic, body string) []map[string]any {
	p.t.Helper()
	response, content := p.send(p.request(keyA, "POST", a+"/topics/"+topic+"/records", strings.NewReader(body)))
	if response.StatusCode != 200 {
		p.t.Fatalf("producing %.200s: %d %s", body, response.StatusCode, content)
	}
	return objects(p.t, strings.NewReader(string(content)))
}

func objects(t testing.TB, r io.Reader) (all []map[string]any) {
	t.Helper()
	for decoder := json.NewDecoder(r); ; {
		var object map[string]any
		if err := decoder.Decode(&object); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("answer %d: %v", len(all), err)
		}
		all = append(all, object)
	}
}

// TestRecords sends each type and reads with a Kafka client what came of it.
func TestRecords(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":3}`, 201)
	tests := []struct {
		body  string
		check func(*kgo.Record) bool
	}{
		{`{"partition_id":0,"value":{"type":"STRING","data":"héllo"}}`, func(r *kgo.Record) bool { return string(r.Value) == "héllo" && r.Key == nil }},
		{`{"partition_id":0,"value":{"type":"BINARY","data":"AP8="}}`, func(r *kgo.Record) bool { return string(r.Value) == "\x00\xff" }},
		{`{"partition_id":0,"key":{"type":"JSON","data":{"n":12345678901234567890}},"value":{"type":"JSON","data":[1,null]}}`,
			func(r *kgo.Record) bool {
				return string(r.Key) == `{"n":12345678901234567890}` && string(r.Value) == `[1,null]`
			}},
		{`{"partition_id":0,"key":{"type":"STRING","data":"k"},"value":null}`, func(r *kgo.Record) bool { return string(r.Key) == "k" && r.Value == nil }},
		{`{"partition_id":0,"key":{"type":"STRING","data":"k"},"value":{"type":"STRING","data":null}}`, func(r *kgo.Record) bool { return r.Value == nil }},
		{`{"partition_id":0,"value":{"type":"STRING","data":""}}`, func(r *kgo.Record) bool { return r.Value != nil && len(r.Value) == 0 }},
		{`{"partition_id":0,"value":{"type":"JSON","data":null}}`, func(r *kgo.Record) bool { return string(r.Value) == "null" }},
		{`{"partition_id":0,"headers":[{"name":"h","value":"aGk="},{"name":"h","value":null}],"timestamp":"2026-01-02T03:04:05.678Z","value":{"type":"STRING","data":"x"}}`,
			func(r *kgo.Record) bool {
				return len(r.Headers) == 2 && string(r.Headers[0].Value) == "hi" && r.Headers[1].Value == nil &&
					r.Timestamp.UTC().Format(time.RFC3339Nano) == "2026-01-02T03:04:05.678Z"
			}},
		{`{"partition_id":0}`, func(r *kgo.Record) bool { return r.Key == nil && r.Value == nil }},
	}
	for i, test := range tests {
		answer := p.produced("orders", test.body)
		if len(answer) != 1 || answer[0]["error_code"] != 200.0 || answer[0]["offset"] != float64(i) || answer[0]["partition_id"] != 0.0 ||
			answer[0]["cluster_id"] != lkcA || answer[0]["topic_name"] != "orders" {
			t.Errorf("%s: %v, want offset %d", test.body, answer, i)
		}
	}
	for i, record := range p.stored(lkcA+"_orders", len(tests)) {
		if !tests[i].check(record) {
			t.Errorf("%s became key %q, value %q, headers %v, time %v", tests[i].body, record.Key, record.Value, record.Headers, record.Timestamp)
		}
	}
}

// TestKeyDecidesThePartition compares with what Kafka's own clients do.
func TestKeyDecidesThePartition(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":50}`, 201)
	hasher := kgo.StickyKeyPartitioner(nil).ForTopic("orders")
	seen := map[any]bool{}
	for i := range 20 {
		key := fmt.Sprint("key", i)
		answer := p.produced("orders", fmt.Sprintf(`{"key":{"type":"STRING","data":%q}}`, key))[0]
		if want := hasher.Partition(&kgo.Record{Key: []byte(key)}, 50); answer["partition_id"] != float64(want) {
			t.Errorf("%s went to %v, want %d", key, answer["partition_id"], want)
		}
		seen[p.produced("orders", `{"value":{"type":"STRING","data":"x"}}`)[0]["partition_id"]] = true
	}
	if len(seen) < 2 {
		t.Error("records without a key all went to one partition of 50")
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":2}`, 201)
	for _, test := range []struct {
		topic, body  string
		status, code int
		text         string
	}{
		{"none", `{"value":{"type":"STRING","data":"x"}}`, 404, 40403, `"none" does not exist`},
		{lkcB + "_orders", `{}`, 404, 40403, "does not exist"},
		{"orders", ``, 400, 40002, "empty"},
		{"orders", `[]`, 400, 40002, "must be a JSON object"},
		{"orders", `{"value":`, 400, 40002, "ends too early"},
		{"orders", `garbage`, 400, 40002, "invalid character"},
		{"orders", `{"partition_id":2}`, 404, 40402, "no partition 2"},
		{"orders", `{"partition_id":-1}`, 400, 40002, "negative"},
		{"orders", `{"value":{"data":"x"}}`, 400, 40002, "value.type is required"},
		{"orders", `{"value":{"type":"AVRO","data":"x"}}`, 400, 40002, `"AVRO"`},
		{"orders", `{"value":{"type":"STRING","data":{}}}`, 400, 40002, "must be a JSON string"},
		{"orders", `{"key":{"type":"BINARY","data":"%%"}}`, 400, 40002, "key.data is not base 64"},
		{"orders", `{"headers":[{"name":"h","value":"%%"}]}`, 400, 40002, "headers[0].value is not base 64"},
		{"orders", `{"headers":[{"value":""}]}`, 400, 40002, "no name"},
		{"orders", `{"timestamp":"yesterday"}`, 400, 40002, "RFC 3339"},
		{"orders", `{"value_schema_id":1}`, 400, 40002, "unknown field"},
		{"orders", `{"value":{"type":"STRING","data":"` + strings.Repeat("x", 1_100_000) + `"}}`, 413, 41301, ""},
		{"orders", `{"value":{"type":"STRING","data":"` + strings.Repeat("x", 2<<20) + `"}}`, 413, 41301, "the record is larger"},
	} {
		p.refused(keyA, "POST", a+"/topics/"+test.topic+"/records", test.body, test.status, test.code, test.text)
	}
	if answer := p.produced("orders", `{"partition_id":1}`); answer[0]["offset"] != 0.0 {
		t.Errorf("a refused record was stored: the next one has %v", answer)
	}
}

// TestManyRecordsInOneBody mixes good and bad ones: each is answered, in order.
func TestManyRecordsInOneBody(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	const count = 300 // more than may be pending
	var body strings.Builder
	for i := range count {
		if i%100 == 50 {
			body.WriteString(`{"value":{"type":"NONE"},"key":{"type":"NONE","data":1}}` + "\n")
			continue
		}
		fmt.Fprintf(&body, `{"value":{"type":"JSON","data":%d}} `, i)
	}
	answers := p.produced("orders", body.String()+"garbage")
	if len(answers) != count+1 {
		t.Fatalf("%d answers, want %d", len(answers), count+1)
	}
	offset := 0.0
	for i, answer := range answers {
		switch {
		case i == count || i%100 == 50:
			if answer["error_code"] != 40002.0 {
				t.Errorf("answer %d is %v", i, answer)
			}
		case answer["error_code"] != 200.0 || answer["offset"] != offset:
			t.Errorf("answer %d is %v, want offset %v", i, answer, offset)
		default:
			offset++
		}
	}
	for i, record := range p.stored(lkcA+"_orders", count-3) {
		if want := fmt.Sprint(i + skipped(i)); string(record.Value) != want {
			t.Fatalf("record %d is %s, want %s", i, record.Value, want)
		}
	}
}

// skipped is how many bad records were before the i-th good one.
func skipped(i int) int { return (i + 49) / 99 }

// TestStream answers each record before the next one is sent, over HTTP/1 and HTTP/2.
func TestStream(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	roots := p.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	http1 := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer http1.CloseIdleConnections()
	offset := 0.0
	for major, client := range map[int]*http.Client{1: {Transport: http1}, 2: p.server.Client()} {
		reader, writer := io.Pipe()
		go writer.Write([]byte(`{"value":{"type":"STRING","data":"first"}}`))
		response, err := client.Do(p.request(keyA, "POST", a+"/topics/orders/records", reader))
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 200 || response.ProtoMajor != major {
			t.Errorf("status %d over HTTP/%d, want 200 over HTTP/%d", response.StatusCode, response.ProtoMajor, major)
		}
		lines := bufio.NewScanner(response.Body)
		for range 5 {
			if !lines.Scan() {
				t.Fatalf("HTTP/%d: no answer: %v", major, lines.Err())
			}
			var answer map[string]any
			if err := json.Unmarshal(lines.Bytes(), &answer); err != nil || answer["offset"] != offset || answer["error_code"] != 200.0 {
				t.Errorf("HTTP/%d: %s (%v), want offset %v", major, lines.Bytes(), err, offset)
			}
			offset++
			fmt.Fprint(writer, `{"value":{"type":"STRING","data":"next"}}`)
		}
		writer.Close()
		if rest := objects(t, response.Body); len(rest) > 1 { // the scanner may have the last line
			t.Errorf("HTTP/%d: %d more answers", major, len(rest))
		}
		response.Body.Close()
		offset++
	}
	p.stored(lkcA+"_orders", int(offset))
}

// TestTooManyRequests fills the requests that one key may have at the same time, with streams that wait.
func TestTooManyRequests(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	var writers []*io.PipeWriter
	var bodies []io.Closer
	var refused *http.Response
	for range 100 {
		reader, writer := io.Pipe()
		go writer.Write([]byte(`{}`))
		response, err := p.server.Client().Do(p.request(keyA, "POST", a+"/topics/orders/records", reader))
		if err != nil {
			t.Fatal(err)
		}
		writers, bodies = append(writers, writer), append(bodies, response.Body)
		if response.StatusCode != 200 {
			refused = response
			break
		}
	}
	if refused == nil || refused.StatusCode != 429 || refused.Header.Get("Retry-After") != "1" || len(writers) != 65 {
		t.Errorf("of %d streams at once the last has the answer %+v, want 429 with Retry-After for the 65th", len(writers), refused)
	}
	p.do(keyB, "GET", b+"/topics", "", 200) // another user is not concerned
	for i := range writers {
		writers[i].Close()
		bodies[i].Close()
	}
	p.await(keyA, 200, 429)
}

func BenchmarkProduce(b *testing.B) {
	p := start(b)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	for b.Loop() {
		response, body := p.send(p.request(keyA, "POST", a+"/topics/orders/records", strings.NewReader(`{"value":{"type":"STRING","data":"x"}}`)))
		if response.StatusCode != 200 {
			b.Fatalf("%d %s", response.StatusCode, body)
		}
	}
}
