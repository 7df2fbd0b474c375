package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// The versions that requests are sent in: the newest of the protocol that speak of topics by id, as today's clients do.
const (
	produceVersion = 13
	fetchVersion   = 17
)

const (
	correlationAt = 8 // in a request, after its length, key and version
	maxResponse   = 2 << 20
)

// connection speaks the protocol without a client library: requests that were encoded before are sent again and again
// with another correlation id.
type connection struct {
	net.Conn
	correlation int32
	response    []byte // memory of the last response
}

// encode is a request with its length, ready to be sent once its correlation id is in it.
func encode(request kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("load")).AppendRequest(nil, request, 0)
}

// exchange sends an encoded request and returns the body of its response, which is valid until the next exchange.
func (c *connection) exchange(frame []byte, flexible bool) ([]byte, error) {
	c.correlation++
	binary.BigEndian.PutUint32(frame[correlationAt:], uint32(c.correlation))
	if _, err := c.Write(frame); err != nil {
		return nil, err
	}
	// A response comes with one read in most cases, its length included.
	n, err := io.ReadAtLeast(c, c.response, 8)
	if err != nil {
		return nil, err
	}
	size := 4 + int(binary.BigEndian.Uint32(c.response))
	switch {
	case size < 8 || size > maxResponse || n > size:
		return nil, fmt.Errorf("a response of %d bytes, of which %d came", size, n)
	case size > len(c.response):
		c.response = append(c.response, make([]byte, size-len(c.response))...)
	}
	if _, err := io.ReadFull(c, c.response[n:size]); err != nil {
		return nil, err
	}
	if got := int32(binary.BigEndian.Uint32(c.response[4:])); got != c.correlation {
		return nil, fmt.Errorf("the response to request %d has correlation id %d", c.correlation, got)
	}
	body := kbin.Reader{Src: c.response[8:size]}
	if flexible {
		kmsg.ReadTags(&body)
	}
	return body.Src, body.Complete()
}

// ask sends a request that is not encoded yet.
func (c *connection) ask(request kmsg.Request) (kmsg.Response, error) {
	response := request.ResponseKind()
	body, err := c.exchange(encode(request), response.IsFlexible())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kmsg.NameForKey(request.Key()), err)
	}
	return response, response.ReadFrom(body)
}

// login authenticates with SASL/PLAIN.
func (c *connection) login(path job.Path) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	response, err := c.ask(handshake)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.(*kmsg.SASLHandshakeResponse).ErrorCode); err != nil {
		return err
	}
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.Version, authenticate.SASLAuthBytes = 1, []byte("\x00"+path.User+"\x00"+path.Password)
	if response, err = c.ask(authenticate); err != nil {
		return err
	}
	return kerr.ErrorForCode(response.(*kmsg.SASLAuthenticateResponse).ErrorCode)
}

// topicID asks for the id of a topic.
func (c *connection) topicID(topic string) ([16]byte, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 12
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	response, err := c.ask(request)
	if err != nil {
		return [16]byte{}, err
	}
	topics := response.(*kmsg.MetadataResponse).Topics
	if len(topics) != 1 {
		return [16]byte{}, fmt.Errorf("metadata of %d topics", len(topics))
	}
	return topics[0].TopicID, kerr.ErrorForCode(topics[0].ErrorCode)
}

// produceRequest is one record, acks=all. It is not idempotent: sequences would have to be counted in each frame.
func produceRequest(topicID [16]byte, partition int32, value []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = produceVersion, -1, 30_000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, recordBatch(value)
	topic := kmsg.NewProduceRequestTopic()
	topic.TopicID, topic.Partitions = topicID, []kmsg.ProduceRequestTopicPartition{p}
	request.Topics = append(request.Topics, topic)
	return request
}

func recordBatch(value []byte) []byte {
	record := kmsg.Record{Value: value}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without the length itself, one byte while it is 0
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		Magic: 2, PartitionLeaderEpoch: -1, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	const beforeLength, beforeSum = 12, 21 // bytes of the batch before what Length counts, and before what CRC covers
	frame := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(frame[8:], uint32(len(frame)-beforeLength))
	binary.BigEndian.PutUint32(frame[17:], crc32.Checksum(frame[beforeSum:], crc32.MakeTable(crc32.Castagnoli)))
	return frame
}

// checkProduced is nil where a response says that the one record was written.
func checkProduced(body []byte) error {
	response := kmsg.NewPtrProduceResponse()
	response.Version = produceVersion
	if err := response.UnsafeReadFrom(body); err != nil {
		return err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return errors.New("a response without the partition")
	}
	return kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
}

// fetchRequest asks for the one batch at an offset, without a session. A limit of one byte makes the broker send the
// first batch and nothing after it (KIP-74).
func fetchRequest(topicID [16]byte, partition int32, offset int64) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxWaitMillis, request.MinBytes, request.MaxBytes = fetchVersion, 500, 1, 1<<20
	request.SessionEpoch = -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.TopicID, topic.Partitions = topicID, []kmsg.FetchRequestTopicPartition{p}
	request.Topics = append(request.Topics, topic)
	return request
}

// checkFetched is nil where a response has exactly one record with a value of the right size.
func checkFetched(body []byte, size int) error {
	response := kmsg.NewPtrFetchResponse()
	response.Version = fetchVersion
	if err := response.UnsafeReadFrom(body); err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return errors.New("a response without the partition")
	}
	p := response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return err
	}
	if n := len(p.RecordBatches); n < size || n >= size+job.RecordBytes {
		return fmt.Errorf("%d bytes of batches instead of one batch with a record of %d", n, size)
	}
	return nil
}
