package prober

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Offsets in a record batch (magic 2).
const (
	batchLength = 8
	batchCRC    = 17
)

// batch is a record batch of one record, without compression and producer id.
func batch(value []byte, now time.Time) []byte {
	record := kmsg.Record{Value: value}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without the length itself, one byte while it is 0
	encoded := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	b := encoded.AppendTo(nil)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLength-4))
	binary.BigEndian.PutUint32(b[batchCRC:], crc32.Checksum(b[batchCRC+4:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}
