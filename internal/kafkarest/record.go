package kafkarest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Types of a key or value.
const (
	typeBinary = "BINARY" // data is base 64
	typeJSON   = "JSON"   // data is any JSON, and the record has its text
	typeString = "STRING" // data is a string
)

// produceRequest is ProduceRequest of the public API.
type produceRequest struct {
	PartitionID *int32          `json:"partition_id"`
	Headers     []recordHeader  `json:"headers"`
	Key         *recordData     `json:"key"`
	Value       *recordData     `json:"value"`
	Timestamp   json.RawMessage `json:"timestamp"`
}

type recordHeader struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

type recordData struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// bytes returns what the record gets: nil for null.
func (d *recordData) bytes(field string) ([]byte, error) {
	if d == nil || len(d.Data) == 0 || (string(d.Data) == "null" && d.Type != typeJSON) {
		return nil, nil
	}
	switch d.Type {
	case typeJSON:
		return d.Data, nil
	case typeBinary, typeString:
		var text string
		if err := json.Unmarshal(d.Data, &text); err != nil {
			return nil, badRequest("%s.data must be a JSON string, for %s.type is %s", field, field, d.Type)
		}
		if d.Type == typeString {
			return []byte(text), nil
		}
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, badRequest("%s.data is not base 64: %v", field, err)
		}
		return notNil(content), nil
	case "":
		return nil, badRequest("%s.type is required: BINARY, JSON or STRING", field)
	default:
		return nil, badRequest("%s.type is %q, which is not offered: BINARY, JSON or STRING", field, d.Type)
	}
}

// notNil is b, where empty is not the same as null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// noPartition is the partition of a record whose key, or chance, decides.
const noPartition = -1

// record makes the Kafka record of a request.
func (r *produceRequest) record(topic string) (*kgo.Record, error) {
	record := &kgo.Record{Topic: topic, Partition: noPartition}
	if r.PartitionID != nil {
		if record.Partition = *r.PartitionID; record.Partition < 0 {
			return nil, badRequest("partition_id is %d and must not be negative", record.Partition)
		}
	}
	for i, header := range r.Headers {
		if header.Name == "" {
			return nil, badRequest("headers[%d] has no name", i)
		}
		var value []byte
		if header.Value != nil {
			decoded, err := base64.StdEncoding.DecodeString(*header.Value)
			if err != nil {
				return nil, badRequest("headers[%d].value is not base 64: %v", i, err)
			}
			value = notNil(decoded)
		}
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: value})
	}
	var err error
	if record.Key, err = r.Key.bytes("key"); err != nil {
		return nil, err
	}
	if record.Value, err = r.Value.bytes("value"); err != nil {
		return nil, err
	}
	if len(r.Timestamp) > 0 && string(r.Timestamp) != "null" {
		if err := json.Unmarshal(r.Timestamp, &record.Timestamp); err != nil || record.Timestamp.UnixMilli() < 0 {
			return nil, badRequest("timestamp must be a time of RFC 3339 that is not before 1970")
		}
	}
	return record, nil
}

// partitioner sends a record to the partition that it names, else by its key as Kafka's own clients do, else to any.
func partitioner() kgo.Partitioner {
	hash := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		byKey := hash.ForTopic(topic)
		return func(record *kgo.Record, partitions int) int {
			switch {
			case record.Partition != noPartition:
				return int(record.Partition) // one that is too large fails the record
			case record.Key != nil:
				return byKey.Partition(record, partitions)
			default:
				return rand.IntN(partitions)
			}
		}
	})
}

// produceResponse is ProduceResponse of the public API.
type produceResponse struct {
	ErrorCode   int             `json:"error_code"`
	ClusterID   string          `json:"cluster_id"`
	TopicName   string          `json:"topic_name"`
	PartitionID int32           `json:"partition_id"`
	Offset      int64           `json:"offset"`
	Timestamp   time.Time       `json:"timestamp"`
	Key         *recordDataSize `json:"key,omitempty"`
	Value       *recordDataSize `json:"value,omitempty"`
}

type recordDataSize struct {
	Type string `json:"type"`
	Size int    `json:"size"`
}

func sizeOf(data *recordData, content []byte) *recordDataSize {
	if data == nil || data.Type == "" {
		return nil
	}
	return &recordDataSize{data.Type, len(content)}
}

// produced is a record on its way, or the reason why there is none.
type produced struct {
	request *produceRequest
	done    chan struct{} // closed once record or err is final
	record  *kgo.Record
	err     error
}

func failed(err error) *produced {
	done := make(chan struct{})
	close(done)
	return &produced{done: done, err: err}
}

// produce hands a record to the client, which may have to wait for room.
func (c *call) produce(ctx context.Context, request *produceRequest, partitions int) *produced {
	record, err := request.record(c.topic())
	if err != nil {
		return failed(err)
	}
	if int(record.Partition) >= partitions {
		return failed(unknownPartition(c.topic(), record.Partition))
	}
	p := &produced{request: request, done: make(chan struct{}), record: record}
	wanted := record.Partition
	ctx, cancel := context.WithTimeout(ctx, requestTimeout/2)
	c.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		defer cancel()
		p.err = c.produceError(err, wanted)
		close(p.done)
	})
	return p
}

func (c *call) produceError(err error, wanted int32) error {
	var kafka *failure
	switch {
	case err == nil:
		return nil
	case errors.As(failureOf(err), &kafka) && kafka.code == codeUnknownTopic:
		return unknownTopic(c.topic())
	case kafka.status == http.StatusInternalServerError && wanted != noPartition:
		// The client knows fewer partitions than the cluster just said: they are new. It asks now.
		c.client.ForceMetadataRefresh()
		f := unavailable
		f.message, f.cause = fmt.Sprintf("partition %d of the topic %q is new and not ready yet; retry", wanted, c.topic()), err
		return &f
	default:
		return err
	}
}

// response is what the caller is told about a record that was stored.
func (c *call) response(p *produced) produceResponse {
	return produceResponse{
		ErrorCode:   http.StatusOK,
		ClusterID:   c.caller.LogicalClusterID,
		TopicName:   c.topic(),
		PartitionID: p.record.Partition,
		Offset:      p.record.Offset,
		Timestamp:   p.record.Timestamp.UTC().Truncate(time.Millisecond),
		Key:         sizeOf(p.request.Key, p.record.Key),
		Value:       sizeOf(p.request.Value, p.record.Value),
	}
}
