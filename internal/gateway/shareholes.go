package gateway

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where the oldest records of a partition are deleted before a share group has read them, the embedded engine goes
// on to hand out their offsets, and, in the same answer, the offsets of records that are there, but none of the
// records. A client takes an offset without its record for one that compaction removed and acknowledges it, so the
// group would never see those records. fillHoles fetches them. Of a batch in which the partition now starts, all
// records come, as they do from the engine itself.

// fillHoles puts into a share fetch the records of partitions that have acquired offsets and no record at all. With
// an error the answer must not reach the client.
func (s *session) fillHoles(ctx context.Context, response *kmsg.ShareFetchResponse) error {
	if !s.gateway.config.EmbeddedEngine {
		return nil // there compaction is what removed them, and the group goes on as it should
	}
	ctx, cancel := context.WithTimeout(ctx, controlRequestTimeout)
	defer cancel()
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			p := &response.Topics[i].Partitions[j]
			if p.ErrorCode != 0 || len(p.AcquiredRecords) == 0 || len(p.Records) > 0 {
				continue
			}
			last := p.AcquiredRecords[len(p.AcquiredRecords)-1].LastOffset
			records, err := s.recordsUntil(ctx, response.Topics[i].TopicID, p.Partition, last)
			if err != nil {
				return fmt.Errorf("fetching the records that a share group acquired: %w", err)
			}
			p.Records = records
		}
	}
	return nil
}

// recordsUntil returns the batches of a partition from its start to an offset.
func (s *session) recordsUntil(ctx context.Context, id [16]byte, partition int32, last int64) ([]byte, error) {
	physical, ok := s.topicName(ctx, id)
	if !ok {
		return nil, nil // deleted meanwhile, with its records
	}
	next, err := s.startOffset(ctx, physical, partition)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil // deleted meanwhile, with its records
	}
	if err != nil {
		return nil, err
	}
	var records []byte
	for next <= last {
		batches, end, err := s.fetchFrom(ctx, physical, partition, next)
		if err != nil {
			return nil, err
		}
		if end <= next {
			break // compaction has removed the rest
		}
		if records = append(records, batches...); len(records) > maxResponseBytes {
			return nil, fmt.Errorf("they have more than %d bytes", maxResponseBytes)
		}
		next = end
	}
	return records, nil
}

func (s *session) startOffset(ctx context.Context, physical string, partition int32) (int64, error) {
	const earliest = -2
	request := kmsg.NewPtrListOffsetsRequest()
	request.Version, request.ReplicaID = 5, -1 // the last version that is not flexible
	request.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: physical, Partitions: []kmsg.ListOffsetsRequestTopicPartition{
		{Partition: partition, CurrentLeaderEpoch: -1, Timestamp: earliest},
	}}}
	response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
	if err := s.askBroker(ctx, request, response); err != nil {
		return 0, err
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			return p.Offset, kerr.ErrorForCode(p.ErrorCode)
		}
	}
	return 0, kerr.UnknownTopicOrPartition
}

// fetchFrom returns batches of a partition that this broker leads, from the one with an offset on, and the offset
// behind them.
func (s *session) fetchFrom(ctx context.Context, physical string, partition int32, offset int64) (batches []byte, end int64, err error) {
	request := kmsg.NewPtrFetchRequest()
	request.Version = 11 // the last one with names that every broker knows
	request.MaxBytes = s.gateway.config.Limits.FetchBytes
	topic, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	topic.Topic = physical
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, request.MaxBytes
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response := request.ResponseKind().(*kmsg.FetchResponse)
	if err := s.askBroker(ctx, request, response); err != nil || response.ErrorCode != 0 {
		return nil, 0, cmp.Or(err, kerr.ErrorForCode(response.ErrorCode))
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			whole, end := wholeBatches(p.RecordBatches)
			return whole, end, kerr.ErrorForCode(p.ErrorCode)
		}
	}
	return nil, 0, nil
}

// askBroker sends one request to the session's broker on a connection of its own. The gateway's own client would let
// a fetch wait for the one that follows the state, and would try again where the answer is an error.
func (s *session) askBroker(ctx context.Context, request kmsg.Request, response kmsg.Response) error {
	conn, err := s.gateway.config.DialBroker(ctx, s.node)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(appendRequest(nil, request, 0, s.clientID)); err != nil {
		return err
	}
	in := newWindow(conn)
	defer in.release()
	size, _, err := in.header()
	if err != nil {
		return err
	}
	body := make([]byte, size)
	if err := in.body(body); err != nil {
		return err
	}
	return decodeInto(body, response)
}

// wholeBatches returns the record batches that are complete, and the offset behind the last of them. A batch has
// its first offset in bytes 0 to 7, the length of what follows in 8 to 11, and in 23 to 26 its last offset, from
// its first on.
func wholeBatches(records []byte) (whole []byte, end int64) {
	const lengthEnd, lastOffsetDelta, header = 12, 23, 61
	at := 0
	for len(records)-at >= header {
		size := lengthEnd + int(int32(binary.BigEndian.Uint32(records[at+8:])))
		if size < header || size > len(records)-at {
			break
		}
		end = int64(binary.BigEndian.Uint64(records[at:])) + int64(int32(binary.BigEndian.Uint32(records[at+lastOffsetDelta:]))) + 1
		at += size
	}
	return records[:at], end
}
