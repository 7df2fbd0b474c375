package kafka

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/brokers"
)

const (
	// controllerTimeout bounds a question that a broker hands on to a controller, so that a view comes without one too.
	controllerTimeout = 3 * time.Second
	// quorumTopic is the name of the controllers' log.
	quorumTopic = "__cluster_metadata"
	// controllerListener is the name that the controllers' listener has on every substrate.
	controllerListener = "CONTROLLER"
)

// hasQuorum reports whether the engine has controllers that can be asked about; the embedded one has not.
func (c *Cluster) hasQuorum(ctx context.Context) (bool, error) {
	if known := c.quorum.Load(); known != nil {
		return *known, nil
	}
	response, err := ask(ctx, c, apiVersions())
	if err != nil {
		return false, fmt.Errorf("asking what the brokers can do: %w", err)
	}
	key := kmsg.NewPtrDescribeQuorumRequest().Key()
	has := slices.ContainsFunc(response.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == key })
	c.quorum.Store(&has)
	return has, nil
}

// describeQuorum returns the quorum, or one without a leader where none says how it is.
func (c *Cluster) describeQuorum(ctx context.Context, now time.Time) brokers.Quorum {
	ctx, cancel := context.WithTimeout(ctx, controllerTimeout)
	defer cancel()
	none := brokers.Quorum{Leader: -1}
	request := kmsg.NewPtrDescribeQuorumRequest()
	partition := kmsg.NewDescribeQuorumRequestTopicPartition()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = quorumTopic, append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	response, err := ask(ctx, c, request)
	if err != nil || response.ErrorCode != 0 || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return none
	}
	log := response.Topics[0].Partitions[0]
	i := slices.IndexFunc(log.CurrentVoters, func(r kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool { return r.ReplicaID == log.LeaderID })
	if log.ErrorCode != 0 || i < 0 {
		return none
	}
	leader := log.CurrentVoters[i]
	replicas := func(states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) (replicas []brokers.QuorumReplica) {
		for _, s := range states {
			r := brokers.QuorumReplica{Node: s.ReplicaID, Directory: directoryName(s.ReplicaDirectoryID), Lag: -1}
			if s.LogEndOffset >= 0 {
				r.Lag = max(0, leader.LogEndOffset-s.LogEndOffset)
			}
			switch {
			case s.ReplicaID == leader.ReplicaID && s.ReplicaDirectoryID == leader.ReplicaDirectoryID:
				r.CaughtUp = now
			case s.LastCaughtUpTimestamp >= 0: // by the leader's clock
				r.CaughtUp = now.Add(-time.Duration(leader.LastCaughtUpTimestamp-s.LastCaughtUpTimestamp) * time.Millisecond)
			}
			replicas = append(replicas, r)
		}
		slices.SortFunc(replicas, func(a, b brokers.QuorumReplica) int {
			return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Directory, b.Directory))
		})
		return replicas
	}
	return brokers.Quorum{Leader: log.LeaderID, Voters: replicas(log.CurrentVoters), Observers: replicas(log.Observers)}
}

// directoryName is the id of a directory as Kafka writes it: base64 for URLs, without padding.
func directoryName(id [16]byte) string {
	if id == [16]byte{} {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func directoryID(name string) (id [16]byte, err error) {
	decoded, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil || len(decoded) != len(id) {
		return id, orrery.Errorf(orrery.Invalid, "%q is not the id of a directory", name)
	}
	copy(id[:], decoded)
	return id, nil
}

// RemoveVoter asks the controllers to go on without one (KIP-853).
func (c *Cluster) RemoveVoter(ctx context.Context, node int32, directory string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	id, err := directoryID(directory)
	if err != nil {
		return err
	}
	now := time.Now()
	quorum := c.describeQuorum(ctx, now)
	voter, is, _ := quorum.Replica(node, directory)
	if !is && quorum.Leader >= 0 {
		return nil
	}
	if err := quorum.CheckRemoval(voter, now); err != nil {
		return err
	}
	request := kmsg.NewPtrRemoveRaftVoterRequest()
	request.VoterID, request.VoterDirectoryID = node, id
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if errors.Is(err, kerr.VoterNotFound) {
		err = nil
	}
	return c.wrap(fmt.Sprintf("removing voter %d", node), err)
}

// AddVoter asks the controllers to take one in (KIP-853), at the address that the substrate gave.
func (c *Cluster) AddVoter(ctx context.Context, node int32, directory string) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	id, err := directoryID(directory)
	if err != nil {
		return err
	}
	already, err := c.describeQuorum(ctx, time.Now()).CheckAddition(node, directory)
	if err != nil || already {
		return err
	}
	listener := kmsg.NewAddRaftVoterRequestListener()
	host, port, err := net.SplitHostPort(c.access.Controllers[node])
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "the address %q of controller %d is not one", c.access.Controllers[node], node)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "the address %q of controller %d is not one", c.access.Controllers[node], node)
	}
	listener.Name, listener.Host, listener.Port = controllerListener, host, uint16(number)
	request := kmsg.NewPtrAddRaftVoterRequest()
	request.VoterID, request.VoterDirectoryID, request.TimeoutMillis = node, id, int32(callTimeout.Milliseconds()/2)
	request.Listeners = append(request.Listeners, listener)
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if errors.Is(err, kerr.DuplicateVoter) {
		err = nil
	}
	return c.wrap(fmt.Sprintf("adding voter %d", node), err)
}

// Unregister has the controllers forget a broker (KIP-500).
func (c *Cluster) Unregister(ctx context.Context, node int32) error {
	view, err := c.View(ctx)
	if err != nil {
		return err
	}
	n, ok := view.Node(node)
	if !ok {
		return nil
	}
	if err := n.CheckRemoval(); err != nil {
		return err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	request := kmsg.NewPtrUnregisterBrokerRequest()
	request.BrokerID = node
	response, err := ask(ctx, c, request)
	if err == nil {
		err = failure(response.ErrorCode, response.ErrorMessage)
	}
	if errors.Is(err, kerr.BrokerIDNotRegistered) {
		err = nil
	}
	return c.wrap(fmt.Sprintf("unregistering broker %d", node), err)
}

// failure is what a broker answered: nil, a code and perhaps its own words. What it will always refuse is Invalid.
func failure(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil {
		return nil
	}
	text := ""
	if message != nil {
		text = *message
	}
	for _, final := range []error{
		kerr.InvalidConfig, kerr.InvalidRequest, kerr.PolicyViolation, kerr.InvalidUpdateVersion, kerr.FeatureUpdateFailed,
		kerr.InvalidReplicaAssignment, kerr.UnknownTopicOrPartition, kerr.InvalidReplicationFactor,
	} {
		if errors.Is(err, final) {
			refused := orrery.Errorf(orrery.Invalid, "Kafka refuses it: %s", text)
			refused.Err = err
			return refused
		}
	}
	if text == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, text)
}
