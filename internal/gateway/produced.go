package gateway

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchRecords is where a record batch (magic 2) says how many records it has.
const batchRecords = 57

// produced is what the batches of a Produce request are that goes to the broker.
type produced struct {
	partitions, records, bytes int64
}

// add counts the batch of one partition.
func (p *produced) add(batch []byte) {
	p.partitions++
	p.bytes += int64(len(batch))
	if len(batch) >= batchHeader && batch[batchMagic] == 2 {
		p.records += max(0, int64(int32(binary.BigEndian.Uint32(batch[batchRecords:]))))
	}
}

// producedBy counts what a request has, if it is one of Produce.
func producedBy(request kmsg.Request) (p produced) {
	r, ok := request.(*kmsg.ProduceRequest)
	if !ok {
		return p
	}
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			p.add(r.Topics[i].Partitions[j].Records)
		}
	}
	return p
}

// accepted returns what of it a broker acknowledged. Of a request with several partitions of which only some have an
// error it is a part according to their number: the frame with their sizes is gone by then.
func (p produced) accepted(response kmsg.Response) produced {
	r, ok := response.(*kmsg.ProduceResponse)
	if !ok || p.partitions == 0 {
		return produced{}
	}
	good := int64(0)
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			if r.Topics[i].Partitions[j].ErrorCode == 0 {
				good++
			}
		}
	}
	good = min(good, p.partitions)
	return produced{partitions: good, records: p.records * good / p.partitions, bytes: p.bytes * good / p.partitions}
}

// count adds what a broker acknowledged to what the tenant has produced.
func (u *tenantUse) count(p produced) {
	if p.partitions > 0 {
		u.produced[0].Add(p.records)
		u.produced[1].Add(p.bytes)
	}
}
