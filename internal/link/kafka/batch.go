package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/link"
)

// maxSend bounds the messages of one Send.
const maxSend = 10_000

// batch is the records of one Kafka record batch (KIP-98, magic 2), encoded; only the header depends on who
// sends them when.
type batch struct {
	records []byte
	count   int32
}

// encode turns messages into as few batches as maxBatch allows, in order.
func encode(messages []link.Message) ([]batch, error) {
	if len(messages) > maxSend {
		return nil, fmt.Errorf("link: %d messages in one Send; at most %d are allowed", len(messages), maxSend)
	}
	var batches []batch
	for _, message := range messages {
		key, value, err := link.Encode(message)
		if err != nil {
			return nil, err
		}
		// 61 bytes of header, and at most some 30 around a key and a value.
		if n := len(batches); n == 0 || 61+len(batches[n-1].records)+len(key)+len(value)+30 > maxBatch {
			batches = append(batches, batch{})
		}
		b := &batches[len(batches)-1]
		b.records = appendRecord(b.records, b.count, key, value)
		b.count++
	}
	return batches, nil
}

// appendRecord appends one record; its length, which comes first, is that of the record encoded without it.
func appendRecord(dst []byte, offsetDelta int32, key, value []byte) []byte {
	record := kmsg.NewRecord()
	record.OffsetDelta, record.Key, record.Value = offsetDelta, key, value
	const lengthOfZero = 1 // the length field itself while it is 0
	record.Length = int32(len(record.AppendTo(nil)) - lengthOfZero)
	return record.AppendTo(dst)
}

// bytes returns the batch as producer id, epoch and first sequence number send it in a transaction.
func (b batch) bytes(now time.Time, producerID int64, epoch int16, sequence int32) []byte {
	const transactional = 1 << 4
	header := kmsg.NewRecordBatch()
	header.PartitionLeaderEpoch = -1
	header.Magic = 2
	header.Attributes = transactional
	header.LastOffsetDelta = b.count - 1
	header.FirstTimestamp, header.MaxTimestamp = now.UnixMilli(), now.UnixMilli()
	header.ProducerID, header.ProducerEpoch, header.FirstSequence = producerID, epoch, sequence
	header.NumRecords = b.count
	header.Records = b.records
	encoded := header.AppendTo(nil)
	const lengthAt, afterLength, crcAt, afterCRC = 8, 12, 17, 21
	binary.BigEndian.PutUint32(encoded[lengthAt:], uint32(len(encoded)-afterLength))
	binary.BigEndian.PutUint32(encoded[crcAt:], crc32.Checksum(encoded[afterCRC:], crc32.MakeTable(crc32.Castagnoli)))
	return encoded
}
