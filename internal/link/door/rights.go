package door

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offer is a kind of request in the versions that are offered. Topics are named in all of them, never numbered.
type offer struct {
	least, most int16
	// check returns the answer where the request is refused, and nil where it is passed on. An error ends the
	// connection.
	check func(r *relay, request kmsg.Request) (kmsg.Response, error)
}

// offers is what an end of the link needs.
var offers = map[int16]offer{
	kmsg.ApiVersions.Int16():          {0, 4, func(*relay, kmsg.Request) (kmsg.Response, error) { return nil, nil }},
	kmsg.Metadata.Int16():             {4, 9, checking((*relay).checkMetadata)},
	kmsg.FindCoordinator.Int16():      {1, 4, checking((*relay).checkFindCoordinator)},
	kmsg.ListOffsets.Int16():          {1, 7, checking((*relay).checkListOffsets)},
	kmsg.OffsetForLeaderEpoch.Int16(): {2, 4, checking((*relay).checkOffsetForLeaderEpoch)},
	kmsg.Fetch.Int16():                {4, 12, checking((*relay).checkFetch)},
	kmsg.Produce.Int16():              {3, 11, checking((*relay).checkProduce)},
	kmsg.InitProducerID.Int16():       {0, 4, checking((*relay).checkInitProducerID)},
	kmsg.AddPartitionsToTxn.Int16():   {0, 3, checking((*relay).checkAddPartitionsToTxn)},
	kmsg.EndTxn.Int16():               {0, 4, checking((*relay).checkEndTxn)},
	kmsg.DescribeTransactions.Int16(): {0, 0, checking((*relay).checkDescribeTransactions)},
	kmsg.CreateTopics.Int16():         {2, 7, checking((*relay).checkCreateTopics)},
}

func checking[T kmsg.Request](check func(*relay, T) (kmsg.Response, error)) func(*relay, kmsg.Request) (kmsg.Response, error) {
	return func(r *relay, request kmsg.Request) (kmsg.Response, error) { return check(r, request.(T)) }
}

func (r *relay) check(request kmsg.Request) (kmsg.Response, error) {
	return offers[request.Key()].check(r, request)
}

// allows reports whether the satellite may do something to a resource.
func (r *relay) allows(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) bool {
	for _, rule := range r.may {
		if rule.Resource == resource && rule.Name == name && slices.Contains(rule.Operations, operation) {
			return true
		}
	}
	return false
}

func (r *relay) topic(name string, operation kmsg.ACLOperation) bool {
	return r.allows(kmsg.ACLResourceTypeTopic, name, operation)
}

func (r *relay) transaction(id string, operation kmsg.ACLOperation) bool {
	return r.allows(kmsg.ACLResourceTypeTransactionalId, id, operation)
}

// What a refusal says.
var (
	topicRefused       = kerr.TopicAuthorizationFailed.Code
	transactionRefused = kerr.TransactionalIDAuthorizationFailed.Code
)

// The checks of requests about several things refuse all where one is refused: an end of the link never asks for others.

func (r *relay) checkMetadata(request *kmsg.MetadataRequest) (kmsg.Response, error) {
	if request.AllowAutoTopicCreation {
		return nil, errors.New("Metadata that would make topics")
	}
	refused := kmsg.NewPtrMetadataResponse()
	for _, t := range request.Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = t.Topic, topicRefused
		refused.Topics = append(refused.Topics, topic)
	}
	if slices.ContainsFunc(request.Topics, func(t kmsg.MetadataRequestTopic) bool {
		return t.Topic == nil || !r.topic(*t.Topic, kmsg.ACLOperationDescribe)
	}) {
		return refused, nil
	}
	return nil, nil // without topics it asks for all: what it may not know is left out of the answer
}

func (r *relay) checkFindCoordinator(request *kmsg.FindCoordinatorRequest) (kmsg.Response, error) {
	const ofTransactions = 1
	keys := request.CoordinatorKeys
	if request.Version < 4 {
		keys = []string{request.CoordinatorKey}
	}
	if request.CoordinatorType == ofTransactions && !slices.ContainsFunc(keys, func(k string) bool { return !r.transaction(k, kmsg.ACLOperationDescribe) }) {
		return nil, nil
	}
	refused := kmsg.NewPtrFindCoordinatorResponse()
	refused.ErrorCode = transactionRefused
	for _, key := range keys {
		coordinator := kmsg.NewFindCoordinatorResponseCoordinator()
		coordinator.Key, coordinator.NodeID, coordinator.ErrorCode = key, -1, transactionRefused
		refused.Coordinators = append(refused.Coordinators, coordinator)
	}
	return refused, nil
}

func (r *relay) checkListOffsets(request *kmsg.ListOffsetsRequest) (kmsg.Response, error) {
	refused, denied := kmsg.NewPtrListOffsetsResponse(), false
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationDescribe)
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewListOffsetsResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, topicRefused
			topic.Partitions = append(topic.Partitions, partition)
		}
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func (r *relay) checkOffsetForLeaderEpoch(request *kmsg.OffsetForLeaderEpochRequest) (kmsg.Response, error) {
	refused, denied := kmsg.NewPtrOffsetForLeaderEpochResponse(), false
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationDescribe)
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, topicRefused
			topic.Partitions = append(topic.Partitions, partition)
		}
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func (r *relay) checkFetch(request *kmsg.FetchRequest) (kmsg.Response, error) {
	if request.ReplicaID >= 0 {
		return nil, errors.New("Fetch as a broker")
	}
	if request.SessionEpoch != -1 {
		return nil, errors.New("Fetch in a session, which may be somebody else's")
	}
	refused, denied := kmsg.NewPtrFetchResponse(), false
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationRead)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, topicRefused
			topic.Partitions = append(topic.Partitions, partition)
		}
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func (r *relay) checkProduce(request *kmsg.ProduceRequest) (kmsg.Response, error) {
	if request.Acks == 0 {
		return nil, errors.New("Produce without an answer")
	}
	refused, denied := kmsg.NewPtrProduceResponse(), request.TransactionID == nil || !r.transaction(*request.TransactionID, kmsg.ACLOperationWrite)
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationWrite)
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, topicRefused
			topic.Partitions = append(topic.Partitions, partition)
		}
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func (r *relay) checkInitProducerID(request *kmsg.InitProducerIDRequest) (kmsg.Response, error) {
	refused := kmsg.NewPtrInitProducerIDResponse()
	refused.ErrorCode = transactionRefused
	return refusal(refused, request.TransactionalID == nil || !r.transaction(*request.TransactionalID, kmsg.ACLOperationWrite))
}

func (r *relay) checkAddPartitionsToTxn(request *kmsg.AddPartitionsToTxnRequest) (kmsg.Response, error) {
	refused, denied := kmsg.NewPtrAddPartitionsToTxnResponse(), !r.transaction(request.TransactionalID, kmsg.ACLOperationWrite)
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationWrite)
		topic := kmsg.NewAddPartitionsToTxnResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p, topicRefused
			topic.Partitions = append(topic.Partitions, partition)
		}
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func (r *relay) checkEndTxn(request *kmsg.EndTxnRequest) (kmsg.Response, error) {
	refused := kmsg.NewPtrEndTxnResponse()
	refused.ErrorCode = transactionRefused
	return refusal(refused, !r.transaction(request.TransactionalID, kmsg.ACLOperationWrite))
}

func (r *relay) checkDescribeTransactions(request *kmsg.DescribeTransactionsRequest) (kmsg.Response, error) {
	refused, denied := kmsg.NewPtrDescribeTransactionsResponse(), false
	for _, id := range request.TransactionalIDs {
		denied = denied || !r.transaction(id, kmsg.ACLOperationDescribe)
		state := kmsg.NewDescribeTransactionsResponseTransactionState()
		state.TransactionalID, state.ErrorCode = id, transactionRefused
		refused.TransactionStates = append(refused.TransactionStates, state)
	}
	return refusal(refused, denied)
}

func (r *relay) checkCreateTopics(request *kmsg.CreateTopicsRequest) (kmsg.Response, error) {
	refused, denied := kmsg.NewPtrCreateTopicsResponse(), false
	for _, t := range request.Topics {
		denied = denied || !r.topic(t.Topic, kmsg.ACLOperationCreate)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = t.Topic, topicRefused
		refused.Topics = append(refused.Topics, topic)
	}
	return refusal(refused, denied)
}

func refusal(response kmsg.Response, denied bool) (kmsg.Response, error) {
	if !denied {
		return nil, nil
	}
	return response, nil
}

// translations change answers: where brokers are, what is offered, and which topics there are.
var translations = map[int16]func(*relay, kmsg.Response){
	kmsg.ApiVersions.Int16():     translateApiVersions,
	kmsg.Metadata.Int16():        translateMetadata,
	kmsg.FindCoordinator.Int16(): translateFindCoordinator,
}

func translateApiVersions(_ *relay, response kmsg.Response) {
	versions := response.(*kmsg.ApiVersionsResponse)
	var offered []kmsg.ApiVersionsResponseApiKey
	for _, k := range versions.ApiKeys {
		if o, ok := offers[k.ApiKey]; ok {
			k.MinVersion, k.MaxVersion = max(k.MinVersion, o.least), min(k.MaxVersion, o.most)
			offered = append(offered, k)
		}
	}
	versions.ApiKeys = offered
}

func translateMetadata(r *relay, response kmsg.Response) {
	metadata := response.(*kmsg.MetadataResponse)
	for i := range metadata.Brokers {
		metadata.Brokers[i].Host, metadata.Brokers[i].Port = r.door.host, r.door.port
	}
	metadata.Topics = slices.DeleteFunc(metadata.Topics, func(t kmsg.MetadataResponseTopic) bool {
		return t.Topic == nil || !r.topic(*t.Topic, kmsg.ACLOperationDescribe)
	})
}

func translateFindCoordinator(r *relay, response kmsg.Response) {
	found := response.(*kmsg.FindCoordinatorResponse)
	if found.ErrorCode == 0 {
		found.Host, found.Port = r.door.host, r.door.port
	}
	for i := range found.Coordinators {
		if c := &found.Coordinators[i]; c.ErrorCode == 0 {
			c.Host, c.Port = r.door.host, r.door.port
		}
	}
}
