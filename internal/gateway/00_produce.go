package gateway

import (
	"context"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/authz"
)

// Produce: v3-13
//
// Behavior:
// * WRITE on each topic, else TOPIC_AUTHORIZATION_FAILED; WRITE on the transactional id, else
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED for every partition. The other topics are written.
// * A topic id that is not the tenant's is UNKNOWN_TOPIC_ID.
// * Records are neither copied nor decompressed; of a batch only the fixed header is looked at: a transactional one
// needs a transactional id in the request. Where the engine does not bind producer ids, the batch's must be the
// transactional id's, and one without a transaction must not be a transactional id's (INVALID_PRODUCER_ID_MAPPING).
// * While the broker's disk is almost full, KAFKA_STORAGE_ERROR, which clients try again (storage.go).
// * What nothing is refused of takes the raw lane (rawproduce.go).
// * acks=0 has no response; what would be an error in one closes the connection, as a broker does.
//
// Version notes:
// * v8: messages for errors, which may quote physical names
// * v10: NodeEndpoints
// * v12: partitions join the transaction without AddPartitionsToTxn
// * v13: topic ids instead of names; several of them go to the embedded engine as names
func produce(ctx context.Context, s *session, r *kmsg.ProduceRequest) (step, error) {
	transactionError := produceTransaction(s, r)
	var refused []kmsg.ProduceResponseTopic
	r.Topics, refused = sift(r.Topics, func(t *kmsg.ProduceRequestTopic) (answer kmsg.ProduceResponseTopic, _ bool) {
		code := transactionError
		if code == 0 {
			code = s.batchesError(ctx, r, t)
		}
		if code == 0 {
			code = s.storageError()
		}
		if code == 0 {
			code = s.translateTopic(ctx, authz.Write, r.Version >= 13, &t.Topic, t.TopicID)
		}
		if code == 0 {
			return answer, false
		}
		return refusedProduce(t, code), true
	})
	if len(refused) > 0 && r.Acks == 0 {
		code := refused[0].Partitions
		if len(code) == 0 {
			return step{}, nil
		}
		return step{}, protocolErrorf("a record with acks=0 was refused: %v", kerr.ErrorForCode(code[0].ErrorCode))
	}
	if len(r.Topics) == 0 && (len(refused) > 0 || transactionError != 0) {
		if r.Acks == 0 {
			return step{}, nil
		}
		response := r.ResponseKind().(*kmsg.ProduceResponse)
		response.Topics = refused
		return answered(response), nil
	}
	ids := produceByName(ctx, s, r, &refused)
	return forwarded(r, func(response *kmsg.ProduceResponse) error {
		return finishProduce(s, response, ids, refused)
	}), nil
}

// produceByName makes a request for several topic ids one for their names, and returns the ids of those: the
// embedded engine ends its process where two of the ids are of topics that are gone, and whether one is gone can
// change until it gets there. Of two ids of one name one is a topic that is gone.
func produceByName(ctx context.Context, s *session, r *kmsg.ProduceRequest, refused *[]kmsg.ProduceResponseTopic) map[string][16]byte {
	if !s.gateway.config.EmbeddedEngine || r.Version < 13 || len(r.Topics) < 2 {
		return nil
	}
	r.Version = 12
	ids := map[string][16]byte{}
	topics, again := sift(r.Topics, func(t *kmsg.ProduceRequestTopic) (answer kmsg.ProduceResponseTopic, _ bool) {
		t.Topic, _ = s.topicName(ctx, t.TopicID)
		if _, known := ids[t.Topic]; known {
			return refusedProduce(t, kerr.UnknownTopicID.Code), true
		}
		ids[t.Topic] = t.TopicID
		return answer, false
	})
	r.Topics, *refused = topics, append(*refused, again...)
	return ids
}

func refusedProduce(t *kmsg.ProduceRequestTopic, code int16) kmsg.ProduceResponseTopic {
	answer := kmsg.NewProduceResponseTopic()
	answer.Topic, answer.TopicID = t.Topic, t.TopicID
	for _, p := range t.Partitions {
		partition := kmsg.NewProduceResponseTopicPartition()
		partition.Partition, partition.ErrorCode, partition.BaseOffset = p.Partition, code, -1
		if code == storageFull.Code {
			partition.ErrorMessage = &storageMessage
		}
		answer.Partitions = append(answer.Partitions, partition)
	}
	return answer
}

// produceTransaction makes the transactional id physical, or returns why the request may not use it.
func produceTransaction(s *session, r *kmsg.ProduceRequest) int16 {
	if r.TransactionID == nil {
		return 0
	}
	if code := s.transactionalIDError(authz.Write, *r.TransactionID); code != 0 {
		return code
	}
	physical := s.physical(*r.TransactionID)
	r.TransactionID = &physical
	return 0
}

// Offsets in a record batch (magic 2) of what is looked at.
const (
	batchMagic      = 16
	batchAttributes = 21
	batchProducerID = 43
	batchHeader     = 61
	transactional   = 0x10 // in the attributes
)

// batchesError returns why the batches of a topic may not be written with the request's transactional id.
func (s *session) batchesError(ctx context.Context, r *kmsg.ProduceRequest, t *kmsg.ProduceRequestTopic) int16 {
	for _, p := range t.Partitions {
		if code := s.batchError(ctx, r.TransactionID, p.Records); code != 0 {
			return code
		}
	}
	return 0
}

// batchError returns why the batch of a partition may not be written with a transactional id (physical). A
// partition carries one batch; a broker refuses more, and anything that is not magic 2.
func (s *session) batchError(ctx context.Context, transactionalID *string, records []byte) int16 {
	if len(records) < batchHeader || records[batchMagic] != 2 {
		return 0
	}
	producerID := int64(binary.BigEndian.Uint64(records[batchProducerID:]))
	inTransaction := binary.BigEndian.Uint16(records[batchAttributes:])&transactional != 0
	switch {
	case producerID >= 0 && !s.mayWriteAs(producerID):
		return kerr.NotLeaderForPartition.Code // what every client tries again
	case inTransaction && transactionalID == nil:
		return kerr.TransactionalIDAuthorizationFailed.Code
	case producerID < 0:
		return 0
	case inTransaction:
		// The retriable error of a produce is that of a leader that moves.
		return s.producerError(ctx, *transactionalID, producerID, kerr.NotLeaderForPartition)
	}
	return s.freeProducerError(ctx, producerID)
}

// finishProduce translates the response. With ids it is one by names to a request for ids.
func finishProduce(s *session, response *kmsg.ProduceResponse, ids map[string][16]byte, refused []kmsg.ProduceResponseTopic) error {
	for i := range response.Topics {
		t := &response.Topics[i]
		if ids != nil {
			t.TopicID = ids[t.Topic]
		}
		if response.Version < 13 {
			name, ok := s.logical(t.Topic)
			if !ok {
				return errForeignTopic
			}
			t.Topic = name
		}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			p.ErrorMessage = s.errorText(p.ErrorMessage)
			if ids != nil && p.ErrorCode == kerr.UnknownTopicOrPartition.Code {
				p.ErrorCode = kerr.UnknownTopicID.Code
			}
			for k := range p.ErrorRecords {
				p.ErrorRecords[k].ErrorMessage = s.errorText(p.ErrorRecords[k].ErrorMessage)
			}
		}
	}
	if ids != nil {
		response.Version = 13
	}
	response.Topics = append(refused, response.Topics...)
	response.Brokers = endpointsOf(s, response.Brokers, func(b *kmsg.ProduceResponseBroker) (int32, *string, *int32) {
		return b.NodeID, &b.Host, &b.Port
	})
	return nil
}
