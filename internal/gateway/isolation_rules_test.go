package gateway

// IsolationRule is what keeps tenants apart in one field of the protocol. The proof of isolation is made of these:
// the table in docs/reference/isolation.md says them, the oracles hold every frame that passes against them, and the
// deliberate bugs drop them one by one.
type IsolationRule struct {
	// Kind is one of the constants below.
	Kind string
	// Of is what the field holds, for rules that treat several things alike.
	Of string
	// Says is the rule in words.
	Says string
}

// Kinds of rule.
const (
	Translate   = "translate"   // the tenant's name on one side, the physical name on the other
	Own         = "check"       // an id that must be the tenant's
	Forced      = "forced"      // one value upstream, whatever the client says
	Substituted = "substituted" // the gateway's value instead of the broker's
	Scrubbed    = "scrubbed"    // a text without physical names
	Filtered    = "allow-list"  // only what is on a list passes
	Opaque      = "opaque"      // passes as it is, for the reason given
	Local       = "local"       // ends in the gateway
)

// What rules are about.
var (
	topicName       = IsolationRule{Translate, "topic", "topic name; what is not the tenant's is left out of answers"}
	groupName       = IsolationRule{Translate, "group", "group id; what is not the tenant's is left out of answers"}
	transactionalID = IsolationRule{Translate, "transactional id", "transactional id; what is not the tenant's is left out of answers"}
	resourceName    = IsolationRule{Translate, "resource", "topic or group name; a broker's id is answered by the gateway; other types are refused"}
	coordinatorKey  = IsolationRule{Translate, "coordinator", "group or transactional id; share coordinators are refused"}
	subscription    = IsolationRule{Translate, "subscription", "topic names in a ConsumerProtocolSubscription, of groups of type consumer; else opaque: the clients' own"}
	assignment      = IsolationRule{Translate, "assignment", "topic names in a ConsumerProtocolAssignment, of groups of type consumer; else opaque: the clients' own"}
	topicPattern    = IsolationRule{Translate, "topic pattern", "regular expression; refused unless it can only match the tenant's topics"}

	transactionPattern = IsolationRule{Translate, "transaction pattern", "regular expression; version 2 is offered only where it can only match the tenant's ids; answers are filtered anyway"}

	topicID        = IsolationRule{Own, "topic id", "must be the id of a topic of the tenant, else UNKNOWN_TOPIC_ID (or left out); answers hold only ids of names that were translated"}
	producerID     = IsolationRule{Own, "producer id", "must belong to the transactional id, where the engine does not see to it (INVALID_PRODUCER_ID_MAPPING)"}
	fetchSessionID = IsolationRule{Own, "fetch session", "must have been opened by the same connection, else FETCH_SESSION_ID_NOT_FOUND"}

	noReplica    = IsolationRule{Forced, "-1", "-1: a tenant is never a follower"}
	expectedNull = IsolationRule{Forced, "null", "must be the logical cluster's id, else INCONSISTENT_CLUSTER_ID; null upstream"}
	noPlacement  = IsolationRule{Forced, "empty", "refused where it is given (POLICY_VIOLATION): the service places replicas"}

	gatewayAddress = IsolationRule{Substituted, "address", "the address of the node's gateway; a node without one is left out"}
	logicalCluster = IsolationRule{Substituted, "cluster", "the logical cluster's id"}
	clientHost     = IsolationRule{Substituted, "client host", "the client's own address, or empty; never the gateway's"}

	errorText = IsolationRule{Scrubbed, "", "own physical names become names; a text that speaks of another tenant or of the platform is replaced"}

	configuration = IsolationRule{Filtered, "configuration", "only what tenancy.TopicConfigs, GroupConfigs and StreamsGroupConfigs list, within their bounds"}
	brokerDefault = IsolationRule{Filtered, "broker default", "the tenant's own value, and Kafka's own default, which it calls by the broker's name for it; what the brokers are configured with is left out"}
	allowList     = IsolationRule{Filtered, "feature", "only group.version and transaction.version"}

	inGroup            = IsolationRule{Opaque, "", "has a meaning only inside one of the tenant's groups; the group id is translated"}
	records            = IsolationRule{Opaque, "", "the tenant's own bytes, of a topic that was checked; of a batch sent, the producer id and the transactional flag are checked"}
	assignor           = IsolationRule{Opaque, "", "name of a protocol or assignor, which only the group's members compare"}
	enumeration        = IsolationRule{Opaque, "", "one of Kafka's fixed words, or the client's own back"}
	rack               = IsolationRule{Opaque, "", "name of a zone, the same for every tenant"}
	nodeNumber         = IsolationRule{Opaque, "", "number of a node; a gateway has its broker's"}
	producerNumber     = IsolationRule{Opaque, "producer number", "number of the physical cluster, of the tenant's own producers; its size leaks activity (known, allowed)"}
	producerFilter     = IsolationRule{Opaque, "", "only narrows an answer that is filtered by the tenant's prefix"}
	producerAtBroker   = IsolationRule{Opaque, "", "the broker compares it with the transactional id, which is translated, on either engine"}
	sessionNumber      = IsolationRule{Opaque, "", "number of a session that only this connection may go on with"}
	directoryID        = IsolationRule{Opaque, "", "only followers' are read (KIP-853), and a tenant is never one"}
	configurationNames = IsolationRule{Opaque, "", "only narrows an answer that is filtered"}

	atGateway    = IsolationRule{Local, "", "ends in the gateway; nothing of it reaches a broker"}
	ownACL       = IsolationRule{Local, "", "the tenant's own ACLs, which gateways keep and compare with its own names; nothing of them reaches a broker's authorizer"}
	ownQuota     = IsolationRule{Local, "", "the tenant's own client quotas, which gateways keep and hold its own users and clients to; no broker has one of a tenant's"}
	expectedHere = IsolationRule{Local, "", "compared with the logical cluster's id and this node's (REBOOTSTRAP_REQUIRED); never sent on"}
	notYet       = IsolationRule{Local, "", "in a version that no engine has yet (KIP-1331, Kafka 4.4) and that is not offered"}
	brokersOnly  = IsolationRule{Local, "", "in versions for brokers only (KIP-890), which are not offered"}
)

// DeniedKeys are the API keys that no tenant is offered, and why. Every field of theirs is kept out with them.
var DeniedKeys = map[int16]string{
	4: "between brokers, removed in Kafka 4.0", 5: "between brokers, removed in Kafka 4.0",
	6: "between brokers, removed in Kafka 4.0", 7: "between brokers, removed in Kafka 4.0",
	27: "between brokers (CLUSTER_ACTION)",
	34: "placing replicas is the service's", 35: "names directories of brokers, and with null the topics of all tenants",
	38: "delegation tokens are the physical cluster's", 39: "delegation tokens are the physical cluster's",
	40: "delegation tokens are the physical cluster's", 41: "delegation tokens are the physical cluster's; null lists all owners",
	43: "null elects for all tenants; elections are the service's", 45: "placing replicas is the service's",
	46: "null lists all tenants", 50: "null lists all users of the physical cluster",
	51: "would make users of the physical cluster", 52: "between controllers", 53: "between controllers",
	54: "between controllers", 55: "tells the controllers' addresses", 56: "between brokers and controllers",
	57: "features are the physical cluster's", 58: "between brokers and controllers", 59: "between controllers",
	62: "between brokers and controllers", 63: "between brokers and controllers", 64: "brokers are the service's",
	67: "between brokers and controllers", 70: "between controllers", 73: "between brokers and controllers",
	80: "the quorum is the service's", 81: "the quorum is the service's", 82: "between controllers",
	83: "between brokers (share coordinator)", 84: "between brokers (share coordinator)",
	85: "between brokers (share coordinator)", 86: "between brokers (share coordinator)",
	87: "between brokers (share coordinator)", 93: "no engine has it yet (KIP-1331, Kafka 4.4)", 94: "controllers are the service's",
}

// IsolationRules has the rule of every field, of keys that are not denied, that carries a name, an id, a principal,
// an address or free text: by the name of kmsg's message type and the path of the field in it.
var IsolationRules = map[string]IsolationRule{
	// 0 Produce
	"ProduceRequest.TransactionID":                                transactionalID,
	"ProduceRequest.Topics.Topic":                                 topicName,
	"ProduceRequest.Topics.TopicID":                               topicID,
	"ProduceRequest.Topics.Partitions.Records":                    records,
	"ProduceResponse.Topics.Topic":                                topicName,
	"ProduceResponse.Topics.TopicID":                              topicID,
	"ProduceResponse.Topics.Partitions.ErrorRecords.ErrorMessage": errorText,
	"ProduceResponse.Topics.Partitions.ErrorMessage":              errorText,
	"ProduceResponse.Topics.Partitions.CurrentLeader.LeaderID":    nodeNumber,
	"ProduceResponse.Brokers.NodeID":                              nodeNumber,
	"ProduceResponse.Brokers.Host":                                gatewayAddress,
	"ProduceResponse.Brokers.Port":                                gatewayAddress,
	"ProduceResponse.Brokers.Rack":                                rack,

	// 1 Fetch
	"FetchRequest.ClusterID":                                         expectedNull,
	"FetchRequest.ReplicaID":                                         noReplica,
	"FetchRequest.ReplicaState.ID":                                   noReplica,
	"FetchRequest.SessionID":                                         fetchSessionID,
	"FetchRequest.Topics.Topic":                                      topicName,
	"FetchRequest.Topics.TopicID":                                    topicID,
	"FetchRequest.Topics.Partitions.ReplicaDirectoryID":              directoryID,
	"FetchRequest.ForgottenTopics.Topic":                             topicName,
	"FetchRequest.ForgottenTopics.TopicID":                           topicID,
	"FetchRequest.Rack":                                              rack,
	"FetchResponse.SessionID":                                        sessionNumber,
	"FetchResponse.Topics.Topic":                                     topicName,
	"FetchResponse.Topics.TopicID":                                   topicID,
	"FetchResponse.Topics.Partitions.CurrentLeader.LeaderID":         nodeNumber,
	"FetchResponse.Topics.Partitions.AbortedTransactions.ProducerID": producerNumber,
	"FetchResponse.Topics.Partitions.PreferredReadReplica":           nodeNumber,
	"FetchResponse.Topics.Partitions.RecordBatches":                  records,
	"FetchResponse.Brokers.NodeID":                                   nodeNumber,
	"FetchResponse.Brokers.Host":                                     gatewayAddress,
	"FetchResponse.Brokers.Port":                                     gatewayAddress,
	"FetchResponse.Brokers.Rack":                                     rack,

	// 2 ListOffsets
	"ListOffsetsRequest.ReplicaID":     noReplica,
	"ListOffsetsRequest.Topics.Topic":  topicName,
	"ListOffsetsResponse.Topics.Topic": topicName,

	// 3 Metadata
	"MetadataRequest.Topics.TopicID":                     topicID,
	"MetadataRequest.Topics.Topic":                       topicName,
	"MetadataResponse.Brokers.NodeID":                    nodeNumber,
	"MetadataResponse.Brokers.Host":                      gatewayAddress,
	"MetadataResponse.Brokers.Port":                      gatewayAddress,
	"MetadataResponse.Brokers.Rack":                      rack,
	"MetadataResponse.ClusterID":                         logicalCluster,
	"MetadataResponse.ControllerID":                      nodeNumber,
	"MetadataResponse.Topics.Topic":                      topicName,
	"MetadataResponse.Topics.TopicID":                    topicID,
	"MetadataResponse.Topics.Partitions.Leader":          nodeNumber,
	"MetadataResponse.Topics.Partitions.Replicas":        nodeNumber,
	"MetadataResponse.Topics.Partitions.ISR":             nodeNumber,
	"MetadataResponse.Topics.Partitions.OfflineReplicas": nodeNumber,

	// 8 OffsetCommit
	"OffsetCommitRequest.Group":                      groupName,
	"OffsetCommitRequest.MemberID":                   inGroup,
	"OffsetCommitRequest.InstanceID":                 inGroup,
	"OffsetCommitRequest.Topics.Topic":               topicName,
	"OffsetCommitRequest.Topics.TopicID":             topicID,
	"OffsetCommitRequest.Topics.Partitions.Metadata": inGroup,
	"OffsetCommitResponse.Topics.Topic":              topicName,
	"OffsetCommitResponse.Topics.TopicID":            topicID,

	// 9 OffsetFetch
	"OffsetFetchRequest.Group":                              groupName,
	"OffsetFetchRequest.Topics.Topic":                       topicName,
	"OffsetFetchRequest.Groups.Group":                       groupName,
	"OffsetFetchRequest.Groups.MemberID":                    inGroup,
	"OffsetFetchRequest.Groups.Topics.Topic":                topicName,
	"OffsetFetchRequest.Groups.Topics.TopicID":              topicID,
	"OffsetFetchResponse.Topics.Topic":                      topicName,
	"OffsetFetchResponse.Topics.Partitions.Metadata":        inGroup,
	"OffsetFetchResponse.Groups.Group":                      groupName,
	"OffsetFetchResponse.Groups.Topics.Topic":               topicName,
	"OffsetFetchResponse.Groups.Topics.TopicID":             topicID,
	"OffsetFetchResponse.Groups.Topics.Partitions.Metadata": inGroup,

	// 10 FindCoordinator
	"FindCoordinatorRequest.CoordinatorKey":             coordinatorKey,
	"FindCoordinatorRequest.CoordinatorKeys":            coordinatorKey,
	"FindCoordinatorResponse.ErrorMessage":              errorText,
	"FindCoordinatorResponse.NodeID":                    nodeNumber,
	"FindCoordinatorResponse.Host":                      gatewayAddress,
	"FindCoordinatorResponse.Port":                      gatewayAddress,
	"FindCoordinatorResponse.Coordinators.Key":          coordinatorKey,
	"FindCoordinatorResponse.Coordinators.NodeID":       nodeNumber,
	"FindCoordinatorResponse.Coordinators.Host":         gatewayAddress,
	"FindCoordinatorResponse.Coordinators.Port":         gatewayAddress,
	"FindCoordinatorResponse.Coordinators.ErrorMessage": errorText,

	// 11 JoinGroup
	"JoinGroupRequest.Group":                     groupName,
	"JoinGroupRequest.MemberID":                  inGroup,
	"JoinGroupRequest.InstanceID":                inGroup,
	"JoinGroupRequest.ProtocolType":              assignor,
	"JoinGroupRequest.Protocols.Name":            assignor,
	"JoinGroupRequest.Protocols.Metadata":        subscription,
	"JoinGroupRequest.Reason":                    inGroup,
	"JoinGroupResponse.ProtocolType":             assignor,
	"JoinGroupResponse.Protocol":                 assignor,
	"JoinGroupResponse.LeaderID":                 inGroup,
	"JoinGroupResponse.MemberID":                 inGroup,
	"JoinGroupResponse.Members.MemberID":         inGroup,
	"JoinGroupResponse.Members.InstanceID":       inGroup,
	"JoinGroupResponse.Members.ProtocolMetadata": subscription,

	// 12 Heartbeat
	"HeartbeatRequest.Group":      groupName,
	"HeartbeatRequest.MemberID":   inGroup,
	"HeartbeatRequest.InstanceID": inGroup,

	// 13 LeaveGroup
	"LeaveGroupRequest.Group":               groupName,
	"LeaveGroupRequest.MemberID":            inGroup,
	"LeaveGroupRequest.Members.MemberID":    inGroup,
	"LeaveGroupRequest.Members.InstanceID":  inGroup,
	"LeaveGroupRequest.Members.Reason":      inGroup,
	"LeaveGroupResponse.Members.MemberID":   inGroup,
	"LeaveGroupResponse.Members.InstanceID": inGroup,

	// 14 SyncGroup
	"SyncGroupRequest.Group":                            groupName,
	"SyncGroupRequest.MemberID":                         inGroup,
	"SyncGroupRequest.InstanceID":                       inGroup,
	"SyncGroupRequest.ProtocolType":                     assignor,
	"SyncGroupRequest.Protocol":                         assignor,
	"SyncGroupRequest.GroupAssignment.MemberID":         inGroup,
	"SyncGroupRequest.GroupAssignment.MemberAssignment": assignment,
	"SyncGroupResponse.ProtocolType":                    assignor,
	"SyncGroupResponse.Protocol":                        assignor,
	"SyncGroupResponse.MemberAssignment":                assignment,

	// 15 DescribeGroups
	"DescribeGroupsRequest.Groups":                           groupName,
	"DescribeGroupsResponse.Groups.ErrorMessage":             errorText,
	"DescribeGroupsResponse.Groups.Group":                    groupName,
	"DescribeGroupsResponse.Groups.State":                    enumeration,
	"DescribeGroupsResponse.Groups.ProtocolType":             assignor,
	"DescribeGroupsResponse.Groups.Protocol":                 assignor,
	"DescribeGroupsResponse.Groups.Members.MemberID":         inGroup,
	"DescribeGroupsResponse.Groups.Members.InstanceID":       inGroup,
	"DescribeGroupsResponse.Groups.Members.ClientID":         inGroup,
	"DescribeGroupsResponse.Groups.Members.ClientHost":       clientHost,
	"DescribeGroupsResponse.Groups.Members.ProtocolMetadata": subscription,
	"DescribeGroupsResponse.Groups.Members.MemberAssignment": assignment,

	// 16 ListGroups
	"ListGroupsRequest.StatesFilter":         enumeration,
	"ListGroupsRequest.TypesFilter":          enumeration,
	"ListGroupsResponse.Groups.Group":        groupName,
	"ListGroupsResponse.Groups.ProtocolType": assignor,
	"ListGroupsResponse.Groups.GroupState":   enumeration,
	"ListGroupsResponse.Groups.GroupType":    enumeration,

	// 17 SASLHandshake
	"SASLHandshakeRequest.Mechanism":            atGateway,
	"SASLHandshakeResponse.SupportedMechanisms": atGateway,

	// 18 ApiVersions
	"ApiVersionsRequest.ClientSoftwareName":      atGateway,
	"ApiVersionsRequest.ClientSoftwareVersion":   atGateway,
	"ApiVersionsRequest.ClusterID":               expectedHere,
	"ApiVersionsRequest.NodeID":                  expectedHere,
	"ApiVersionsResponse.SupportedFeatures.Name": allowList,
	"ApiVersionsResponse.FinalizedFeatures.Name": allowList,

	// 19 CreateTopics
	"CreateTopicsRequest.Topics.Topic":                      topicName,
	"CreateTopicsRequest.Topics.ReplicaAssignment.Replicas": noPlacement,
	"CreateTopicsRequest.Topics.Configs.Name":               configuration,
	"CreateTopicsRequest.Topics.Configs.Value":              configuration,
	"CreateTopicsResponse.Topics.Topic":                     topicName,
	"CreateTopicsResponse.Topics.TopicID":                   topicID,
	"CreateTopicsResponse.Topics.ErrorMessage":              errorText,
	"CreateTopicsResponse.Topics.Configs.Name":              configuration,
	"CreateTopicsResponse.Topics.Configs.Value":             configuration,

	// 20 DeleteTopics
	"DeleteTopicsRequest.TopicNames":           topicName,
	"DeleteTopicsRequest.Topics.Topic":         topicName,
	"DeleteTopicsRequest.Topics.TopicID":       topicID,
	"DeleteTopicsResponse.Topics.Topic":        topicName,
	"DeleteTopicsResponse.Topics.TopicID":      topicID,
	"DeleteTopicsResponse.Topics.ErrorMessage": errorText,

	// 21 DeleteRecords
	"DeleteRecordsRequest.Topics.Topic":  topicName,
	"DeleteRecordsResponse.Topics.Topic": topicName,

	// 22 InitProducerID
	"InitProducerIDRequest.TransactionalID": transactionalID,
	"InitProducerIDRequest.ProducerID":      producerID,
	"InitProducerIDResponse.ProducerID":     producerNumber,

	// 23 OffsetForLeaderEpoch
	"OffsetForLeaderEpochRequest.ReplicaID":     noReplica,
	"OffsetForLeaderEpochRequest.Topics.Topic":  topicName,
	"OffsetForLeaderEpochResponse.Topics.Topic": topicName,

	// 24 AddPartitionsToTxn
	"AddPartitionsToTxnRequest.TransactionalID":               transactionalID,
	"AddPartitionsToTxnRequest.ProducerID":                    producerID,
	"AddPartitionsToTxnRequest.Topics.Topic":                  topicName,
	"AddPartitionsToTxnRequest.Transactions.TransactionalID":  brokersOnly,
	"AddPartitionsToTxnRequest.Transactions.ProducerID":       brokersOnly,
	"AddPartitionsToTxnRequest.Transactions.Topics.Topic":     brokersOnly,
	"AddPartitionsToTxnResponse.Transactions.TransactionalID": brokersOnly,
	"AddPartitionsToTxnResponse.Transactions.Topics.Topic":    brokersOnly,
	"AddPartitionsToTxnResponse.Topics.Topic":                 topicName,

	// 25 AddOffsetsToTxn
	"AddOffsetsToTxnRequest.TransactionalID": transactionalID,
	"AddOffsetsToTxnRequest.ProducerID":      producerID,
	"AddOffsetsToTxnRequest.Group":           groupName,

	// 26 EndTxn
	"EndTxnRequest.TransactionalID": transactionalID,
	"EndTxnRequest.ProducerID":      producerID,
	"EndTxnResponse.ProducerID":     producerNumber,

	// 28 TxnOffsetCommit
	"TxnOffsetCommitRequest.TransactionalID":            transactionalID,
	"TxnOffsetCommitRequest.Group":                      groupName,
	"TxnOffsetCommitRequest.ProducerID":                 producerAtBroker,
	"TxnOffsetCommitRequest.MemberID":                   inGroup,
	"TxnOffsetCommitRequest.InstanceID":                 inGroup,
	"TxnOffsetCommitRequest.Topics.Topic":               topicName,
	"TxnOffsetCommitRequest.Topics.TopicID":             topicID,
	"TxnOffsetCommitRequest.Topics.Partitions.Metadata": inGroup,
	"TxnOffsetCommitResponse.Topics.Topic":              topicName,
	"TxnOffsetCommitResponse.Topics.TopicID":            topicID,

	// 29 DescribeAcls
	"DescribeACLsRequest.ResourceName":              ownACL,
	"DescribeACLsRequest.Principal":                 ownACL,
	"DescribeACLsRequest.Host":                      ownACL,
	"DescribeACLsResponse.ErrorMessage":             atGateway,
	"DescribeACLsResponse.Resources.ResourceName":   ownACL,
	"DescribeACLsResponse.Resources.ACLs.Principal": ownACL,
	"DescribeACLsResponse.Resources.ACLs.Host":      ownACL,

	// 30 CreateAcls
	"CreateACLsRequest.Creations.ResourceName": ownACL,
	"CreateACLsRequest.Creations.Principal":    ownACL,
	"CreateACLsRequest.Creations.Host":         ownACL,
	"CreateACLsResponse.Results.ErrorMessage":  atGateway,

	// 31 DeleteAcls
	"DeleteACLsRequest.Filters.ResourceName":               ownACL,
	"DeleteACLsRequest.Filters.Principal":                  ownACL,
	"DeleteACLsRequest.Filters.Host":                       ownACL,
	"DeleteACLsResponse.Results.ErrorMessage":              atGateway,
	"DeleteACLsResponse.Results.MatchingACLs.ErrorMessage": atGateway,
	"DeleteACLsResponse.Results.MatchingACLs.ResourceName": ownACL,
	"DeleteACLsResponse.Results.MatchingACLs.Principal":    ownACL,
	"DeleteACLsResponse.Results.MatchingACLs.Host":         ownACL,

	// 32 DescribeConfigs
	"DescribeConfigsRequest.Resources.ResourceName":                  resourceName,
	"DescribeConfigsRequest.Resources.ConfigNames":                   configurationNames,
	"DescribeConfigsResponse.Resources.ErrorMessage":                 errorText,
	"DescribeConfigsResponse.Resources.ResourceName":                 resourceName,
	"DescribeConfigsResponse.Resources.Configs.Name":                 configuration,
	"DescribeConfigsResponse.Resources.Configs.Value":                configuration,
	"DescribeConfigsResponse.Resources.Configs.ConfigSynonyms.Name":  brokerDefault,
	"DescribeConfigsResponse.Resources.Configs.ConfigSynonyms.Value": brokerDefault,
	"DescribeConfigsResponse.Resources.Configs.Documentation":        configuration,

	// 33 AlterConfigs
	"AlterConfigsRequest.Resources.ResourceName":  resourceName,
	"AlterConfigsRequest.Resources.Configs.Name":  configuration,
	"AlterConfigsRequest.Resources.Configs.Value": configuration,
	"AlterConfigsResponse.Resources.ErrorMessage": errorText,
	"AlterConfigsResponse.Resources.ResourceName": resourceName,

	// 36 SASLAuthenticate
	"SASLAuthenticateRequest.SASLAuthBytes":  atGateway,
	"SASLAuthenticateResponse.ErrorMessage":  atGateway,
	"SASLAuthenticateResponse.SASLAuthBytes": atGateway,

	// 37 CreatePartitions
	"CreatePartitionsRequest.Topics.Topic":               topicName,
	"CreatePartitionsRequest.Topics.Assignment.Replicas": noPlacement,
	"CreatePartitionsResponse.Topics.Topic":              topicName,
	"CreatePartitionsResponse.Topics.ErrorMessage":       errorText,

	// 42 DeleteGroups
	"DeleteGroupsRequest.Groups":               groupName,
	"DeleteGroupsResponse.Groups.Group":        groupName,
	"DeleteGroupsResponse.Groups.ErrorMessage": errorText,

	// 44 IncrementalAlterConfigs
	"IncrementalAlterConfigsRequest.Resources.ResourceName":  resourceName,
	"IncrementalAlterConfigsRequest.Resources.Configs.Name":  configuration,
	"IncrementalAlterConfigsRequest.Resources.Configs.Value": configuration,
	"IncrementalAlterConfigsResponse.Resources.ErrorMessage": errorText,
	"IncrementalAlterConfigsResponse.Resources.ResourceName": resourceName,

	// 47 OffsetDelete
	"OffsetDeleteRequest.Group":         groupName,
	"OffsetDeleteRequest.Topics.Topic":  topicName,
	"OffsetDeleteResponse.Topics.Topic": topicName,

	// 48 DescribeClientQuotas
	"DescribeClientQuotasRequest.Components.EntityType": ownQuota,
	"DescribeClientQuotasRequest.Components.Match":      ownQuota,
	"DescribeClientQuotasResponse.ErrorMessage":         atGateway,
	"DescribeClientQuotasResponse.Entries.Entity.Type":  ownQuota,
	"DescribeClientQuotasResponse.Entries.Entity.Name":  ownQuota,
	"DescribeClientQuotasResponse.Entries.Values.Key":   ownQuota,

	// 49 AlterClientQuotas
	"AlterClientQuotasRequest.Entries.Entity.Type":   ownQuota,
	"AlterClientQuotasRequest.Entries.Entity.Name":   ownQuota,
	"AlterClientQuotasRequest.Entries.Ops.Key":       ownQuota,
	"AlterClientQuotasResponse.Entries.ErrorMessage": atGateway,
	"AlterClientQuotasResponse.Entries.Entity.Type":  ownQuota,
	"AlterClientQuotasResponse.Entries.Entity.Name":  ownQuota,

	// 60 DescribeCluster
	"DescribeClusterResponse.ErrorMessage":   errorText,
	"DescribeClusterResponse.ClusterID":      logicalCluster,
	"DescribeClusterResponse.ControllerID":   nodeNumber,
	"DescribeClusterResponse.Brokers.NodeID": nodeNumber,
	"DescribeClusterResponse.Brokers.Host":   gatewayAddress,
	"DescribeClusterResponse.Brokers.Port":   gatewayAddress,
	"DescribeClusterResponse.Brokers.Rack":   rack,

	// 61 DescribeProducers
	"DescribeProducersRequest.Topics.Topic":                                  topicName,
	"DescribeProducersResponse.Topics.Topic":                                 topicName,
	"DescribeProducersResponse.Topics.Partitions.ErrorMessage":               errorText,
	"DescribeProducersResponse.Topics.Partitions.ActiveProducers.ProducerID": producerNumber,

	// 65 DescribeTransactions
	"DescribeTransactionsRequest.TransactionalIDs":                   transactionalID,
	"DescribeTransactionsResponse.TransactionStates.TransactionalID": transactionalID,
	"DescribeTransactionsResponse.TransactionStates.State":           enumeration,
	"DescribeTransactionsResponse.TransactionStates.ProducerID":      producerNumber,
	"DescribeTransactionsResponse.TransactionStates.Topics.Topic":    topicName,

	// 66 ListTransactions
	"ListTransactionsRequest.StateFilters":                        enumeration,
	"ListTransactionsRequest.ProducerIDFilters":                   producerFilter,
	"ListTransactionsRequest.TransactionalIDPattern":              transactionPattern,
	"ListTransactionsResponse.UnknownStateFilters":                enumeration,
	"ListTransactionsResponse.TransactionStates.TransactionalID":  transactionalID,
	"ListTransactionsResponse.TransactionStates.ProducerID":       producerNumber,
	"ListTransactionsResponse.TransactionStates.TransactionState": enumeration,

	// 68 ConsumerGroupHeartbeat
	"ConsumerGroupHeartbeatRequest.Group":                      groupName,
	"ConsumerGroupHeartbeatRequest.MemberID":                   inGroup,
	"ConsumerGroupHeartbeatRequest.InstanceID":                 inGroup,
	"ConsumerGroupHeartbeatRequest.RackID":                     rack,
	"ConsumerGroupHeartbeatRequest.SubscribedTopicNames":       topicName,
	"ConsumerGroupHeartbeatRequest.SubscribedTopicRegex":       topicPattern,
	"ConsumerGroupHeartbeatRequest.ServerAssignor":             assignor,
	"ConsumerGroupHeartbeatRequest.Topics.TopicID":             topicID,
	"ConsumerGroupHeartbeatResponse.ErrorMessage":              errorText,
	"ConsumerGroupHeartbeatResponse.MemberID":                  inGroup,
	"ConsumerGroupHeartbeatResponse.Assignment.Topics.TopicID": topicID,

	// 69 ConsumerGroupDescribe
	"ConsumerGroupDescribeRequest.Groups":                                                   groupName,
	"ConsumerGroupDescribeResponse.Groups.ErrorMessage":                                     errorText,
	"ConsumerGroupDescribeResponse.Groups.Group":                                            groupName,
	"ConsumerGroupDescribeResponse.Groups.State":                                            enumeration,
	"ConsumerGroupDescribeResponse.Groups.AssignorName":                                     assignor,
	"ConsumerGroupDescribeResponse.Groups.Members.MemberID":                                 inGroup,
	"ConsumerGroupDescribeResponse.Groups.Members.InstanceID":                               inGroup,
	"ConsumerGroupDescribeResponse.Groups.Members.RackID":                                   rack,
	"ConsumerGroupDescribeResponse.Groups.Members.ClientID":                                 inGroup,
	"ConsumerGroupDescribeResponse.Groups.Members.ClientHost":                               clientHost,
	"ConsumerGroupDescribeResponse.Groups.Members.SubscribedTopics":                         topicName,
	"ConsumerGroupDescribeResponse.Groups.Members.SubscribedTopicRegex":                     topicPattern,
	"ConsumerGroupDescribeResponse.Groups.Members.Assignment.TopicPartitions.TopicID":       topicID,
	"ConsumerGroupDescribeResponse.Groups.Members.Assignment.TopicPartitions.Topic":         topicName,
	"ConsumerGroupDescribeResponse.Groups.Members.TargetAssignment.TopicPartitions.TopicID": topicID,
	"ConsumerGroupDescribeResponse.Groups.Members.TargetAssignment.TopicPartitions.Topic":   topicName,

	// 71 GetTelemetrySubscriptions
	"GetTelemetrySubscriptionsRequest.ClientInstanceID":  atGateway,
	"GetTelemetrySubscriptionsResponse.ClientInstanceID": atGateway,
	"GetTelemetrySubscriptionsResponse.SubscriptionID":   atGateway,
	"GetTelemetrySubscriptionsResponse.RequestedMetrics": atGateway,

	// 72 PushTelemetry
	"PushTelemetryRequest.ClientInstanceID": atGateway,
	"PushTelemetryRequest.SubscriptionID":   atGateway,
	"PushTelemetryRequest.Metrics":          atGateway,

	// 74 ListConfigResources
	"ListConfigResourcesResponse.ConfigResources.Name": resourceName,

	// 75 DescribeTopicPartitions
	"DescribeTopicPartitionsRequest.Topics.Topic":                              topicName,
	"DescribeTopicPartitionsRequest.Cursor.Topic":                              topicName,
	"DescribeTopicPartitionsResponse.Topics.Topic":                             topicName,
	"DescribeTopicPartitionsResponse.Topics.TopicID":                           topicID,
	"DescribeTopicPartitionsResponse.Topics.Partitions.LeaderID":               nodeNumber,
	"DescribeTopicPartitionsResponse.Topics.Partitions.Replicas":               nodeNumber,
	"DescribeTopicPartitionsResponse.Topics.Partitions.ISR":                    nodeNumber,
	"DescribeTopicPartitionsResponse.Topics.Partitions.EligibleLeaderReplicas": nodeNumber,
	"DescribeTopicPartitionsResponse.Topics.Partitions.LastKnownELR":           nodeNumber,
	"DescribeTopicPartitionsResponse.Topics.Partitions.OfflineReplicas":        nodeNumber,
	"DescribeTopicPartitionsResponse.NextCursor.Topic":                         topicName,

	// 76 ShareGroupHeartbeat
	"ShareGroupHeartbeatRequest.GroupID":                             groupName,
	"ShareGroupHeartbeatRequest.MemberID":                            inGroup,
	"ShareGroupHeartbeatRequest.RackID":                              rack,
	"ShareGroupHeartbeatRequest.SubscribedTopicNames":                topicName,
	"ShareGroupHeartbeatResponse.ErrorMessage":                       errorText,
	"ShareGroupHeartbeatResponse.MemberID":                           inGroup,
	"ShareGroupHeartbeatResponse.Assignment.TopicPartitions.TopicID": topicID,

	// 77 ShareGroupDescribe
	"ShareGroupDescribeRequest.GroupIDs":                                           groupName,
	"ShareGroupDescribeResponse.Groups.ErrorMessage":                               errorText,
	"ShareGroupDescribeResponse.Groups.GroupID":                                    groupName,
	"ShareGroupDescribeResponse.Groups.GroupState":                                 enumeration,
	"ShareGroupDescribeResponse.Groups.Assignor":                                   assignor,
	"ShareGroupDescribeResponse.Groups.Members.MemberID":                           inGroup,
	"ShareGroupDescribeResponse.Groups.Members.RackID":                             rack,
	"ShareGroupDescribeResponse.Groups.Members.ClientID":                           inGroup,
	"ShareGroupDescribeResponse.Groups.Members.ClientHost":                         clientHost,
	"ShareGroupDescribeResponse.Groups.Members.SubscribedTopicNames":               topicName,
	"ShareGroupDescribeResponse.Groups.Members.Assignment.TopicPartitions.TopicID": topicID,
	"ShareGroupDescribeResponse.Groups.Members.Assignment.TopicPartitions.Topic":   topicName,

	// 78 ShareFetch
	"ShareFetchRequest.GroupID":                                    groupName,
	"ShareFetchRequest.MemberID":                                   inGroup,
	"ShareFetchRequest.Topics.TopicID":                             topicID,
	"ShareFetchRequest.ForgottenTopicsData.TopicID":                topicID,
	"ShareFetchResponse.ErrorMessage":                              errorText,
	"ShareFetchResponse.Topics.TopicID":                            topicID,
	"ShareFetchResponse.Topics.Partitions.ErrorMessage":            errorText,
	"ShareFetchResponse.Topics.Partitions.AcknowledgeErrorMessage": errorText,
	"ShareFetchResponse.Topics.Partitions.CurrentLeader.LeaderID":  nodeNumber,
	"ShareFetchResponse.Topics.Partitions.Records":                 records,
	"ShareFetchResponse.NodeEndpoints.NodeID":                      nodeNumber,
	"ShareFetchResponse.NodeEndpoints.Host":                        gatewayAddress,
	"ShareFetchResponse.NodeEndpoints.Port":                        gatewayAddress,
	"ShareFetchResponse.NodeEndpoints.Rack":                        rack,

	// 79 ShareAcknowledge
	"ShareAcknowledgeRequest.GroupID":                                   groupName,
	"ShareAcknowledgeRequest.MemberID":                                  inGroup,
	"ShareAcknowledgeRequest.Topics.TopicID":                            topicID,
	"ShareAcknowledgeResponse.ErrorMessage":                             errorText,
	"ShareAcknowledgeResponse.Topics.TopicID":                           topicID,
	"ShareAcknowledgeResponse.Topics.Partitions.ErrorMessage":           errorText,
	"ShareAcknowledgeResponse.Topics.Partitions.CurrentLeader.LeaderID": nodeNumber,
	"ShareAcknowledgeResponse.NodeEndpoints.NodeID":                     nodeNumber,
	"ShareAcknowledgeResponse.NodeEndpoints.Host":                       gatewayAddress,
	"ShareAcknowledgeResponse.NodeEndpoints.Port":                       gatewayAddress,
	"ShareAcknowledgeResponse.NodeEndpoints.Rack":                       rack,

	// 88 StreamsGroupHeartbeat
	"StreamsGroupHeartbeatRequest.Group":                                                        groupName,
	"StreamsGroupHeartbeatRequest.MemberID":                                                     inGroup,
	"StreamsGroupHeartbeatRequest.InstanceID":                                                   inGroup,
	"StreamsGroupHeartbeatRequest.RackID":                                                       rack,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.SubtopologyID":                         inGroup,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.SourceTopics":                          topicName,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.SourceTopicRegex":                      topicPattern,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.StateChangelogTopics.Topic":            topicName,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.StateChangelogTopics.Configs.Key":      configuration,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.StateChangelogTopics.Configs.Value":    configuration,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.RepartitionSinkTopics":                 topicName,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.RepartitionSourceTopics.Topic":         topicName,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.RepartitionSourceTopics.Configs.Key":   configuration,
	"StreamsGroupHeartbeatRequest.Topology.Subtopologies.RepartitionSourceTopics.Configs.Value": configuration,
	"StreamsGroupHeartbeatRequest.ActiveTasks.SubtopologyID":                                    inGroup,
	"StreamsGroupHeartbeatRequest.StandbyTasks.SubtopologyID":                                   inGroup,
	"StreamsGroupHeartbeatRequest.WarmupTasks.SubtopologyID":                                    inGroup,
	"StreamsGroupHeartbeatRequest.ProcessID":                                                    inGroup,
	"StreamsGroupHeartbeatRequest.UserEndpoint.Host":                                            inGroup,
	"StreamsGroupHeartbeatRequest.UserEndpoint.Port":                                            inGroup,
	"StreamsGroupHeartbeatRequest.ClientTags.Key":                                               inGroup,
	"StreamsGroupHeartbeatRequest.ClientTags.Value":                                             inGroup,
	"StreamsGroupHeartbeatRequest.TaskOffsets.SubtopologyID":                                    inGroup,
	"StreamsGroupHeartbeatRequest.TaskEndOffsets.SubtopologyID":                                 inGroup,
	"StreamsGroupHeartbeatResponse.ErrorMessage":                                                errorText,
	"StreamsGroupHeartbeatResponse.MemberID":                                                    inGroup,
	"StreamsGroupHeartbeatResponse.Status.StatusDetail":                                         errorText,
	"StreamsGroupHeartbeatResponse.ActiveTasks.SubtopologyID":                                   inGroup,
	"StreamsGroupHeartbeatResponse.StandbyTasks.SubtopologyID":                                  inGroup,
	"StreamsGroupHeartbeatResponse.WarmupTasks.SubtopologyID":                                   inGroup,
	"StreamsGroupHeartbeatResponse.PartitionsByUserEndpoint.UserEndpoint.Host":                  inGroup,
	"StreamsGroupHeartbeatResponse.PartitionsByUserEndpoint.UserEndpoint.Port":                  inGroup,
	"StreamsGroupHeartbeatResponse.PartitionsByUserEndpoint.ActivePartitions.Topic":             topicName,
	"StreamsGroupHeartbeatResponse.PartitionsByUserEndpoint.StandbyPartitions.Topic":            topicName,

	// 89 StreamsGroupDescribe
	"StreamsGroupDescribeRequest.Groups":                                                               groupName,
	"StreamsGroupDescribeResponse.Groups.ErrorMessage":                                                 errorText,
	"StreamsGroupDescribeResponse.Groups.Group":                                                        groupName,
	"StreamsGroupDescribeResponse.Groups.State":                                                        enumeration,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.SubtopologyID":                         inGroup,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.SourceTopics":                          topicName,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.RepartitionSinkTopics":                 topicName,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.StateChangelogTopics.Topic":            topicName,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.StateChangelogTopics.Configs.Key":      configuration,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.StateChangelogTopics.Configs.Value":    configuration,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.RepartitionSourceTopics.Topic":         topicName,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.RepartitionSourceTopics.Configs.Key":   configuration,
	"StreamsGroupDescribeResponse.Groups.Topology.Subtopologies.RepartitionSourceTopics.Configs.Value": configuration,
	"StreamsGroupDescribeResponse.Groups.Members.MemberID":                                             inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.InstanceID":                                           inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.RackID":                                               rack,
	"StreamsGroupDescribeResponse.Groups.Members.ClientID":                                             inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.ClientHost":                                           clientHost,
	"StreamsGroupDescribeResponse.Groups.Members.ProcessID":                                            inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.UserEndpoint.Host":                                    inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.UserEndpoint.Port":                                    inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.ClientTags.Key":                                       inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.ClientTags.Value":                                     inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.TaskOffsets.SubtopologyID":                            inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.TaskEndOffsets.SubtopologyID":                         inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.Assignment.ActiveTasks.SubtopologyID":                 inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.Assignment.StandbyTasks.SubtopologyID":                inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.Assignment.WarmupTasks.SubtopologyID":                 inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.TargetAssignment.ActiveTasks.SubtopologyID":           inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.TargetAssignment.StandbyTasks.SubtopologyID":          inGroup,
	"StreamsGroupDescribeResponse.Groups.Members.TargetAssignment.WarmupTasks.SubtopologyID":           inGroup,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.SubtopologyID":              notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.Nodes.Name":                 notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.Nodes.SourceTopics":         notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.Nodes.SinkTopic":            notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.Nodes.Stores":               notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.Subtopologies.Nodes.Successors":           notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Source.Name":                 notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Source.SourceTopics":         notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Source.SinkTopic":            notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Source.Stores":               notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Source.Successors":           notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Processor.Name":              notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Processor.SourceTopics":      notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Processor.SinkTopic":         notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Processor.Stores":            notYet,
	"StreamsGroupDescribeResponse.Groups.TopologyDescription.GlobalStores.Processor.Successors":        notYet,
	"StreamsGroupDescribeResponse.Groups.AssignorName":                                                 notYet,

	// 90 DescribeShareGroupOffsets
	"DescribeShareGroupOffsetsRequest.Groups.GroupID":                         groupName,
	"DescribeShareGroupOffsetsRequest.Groups.Topics.Topic":                    topicName,
	"DescribeShareGroupOffsetsResponse.Groups.GroupID":                        groupName,
	"DescribeShareGroupOffsetsResponse.Groups.Topics.Topic":                   topicName,
	"DescribeShareGroupOffsetsResponse.Groups.Topics.TopicID":                 topicID,
	"DescribeShareGroupOffsetsResponse.Groups.Topics.Partitions.ErrorMessage": errorText,
	"DescribeShareGroupOffsetsResponse.Groups.ErrorMessage":                   errorText,

	// 91 AlterShareGroupOffsets
	"AlterShareGroupOffsetsRequest.GroupID":                         groupName,
	"AlterShareGroupOffsetsRequest.Topics.Topic":                    topicName,
	"AlterShareGroupOffsetsResponse.ErrorMessage":                   errorText,
	"AlterShareGroupOffsetsResponse.Topics.Topic":                   topicName,
	"AlterShareGroupOffsetsResponse.Topics.TopicID":                 topicID,
	"AlterShareGroupOffsetsResponse.Topics.Partitions.ErrorMessage": errorText,

	// 92 DeleteShareGroupOffsets
	"DeleteShareGroupOffsetsRequest.GroupID":              groupName,
	"DeleteShareGroupOffsetsRequest.Topics.Topic":         topicName,
	"DeleteShareGroupOffsetsResponse.ErrorMessage":        errorText,
	"DeleteShareGroupOffsetsResponse.Topics.Topic":        topicName,
	"DeleteShareGroupOffsetsResponse.Topics.TopicID":      topicID,
	"DeleteShareGroupOffsetsResponse.Topics.ErrorMessage": errorText,
}
