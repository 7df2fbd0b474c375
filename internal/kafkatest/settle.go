package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const settleInterval = 20 * time.Millisecond

// settle creates the users' ACLs and waits until every broker knows all brokers and all ACLs and has producer ids to
// give out: a broker learns, and asks the controller, a little later than it takes clients.
func settle(ctx context.Context, c *Cluster, users []User) error {
	client, err := kgo.NewClient(append(c.ClientOptions(""), kgo.RetryBackoffFn(func(int) time.Duration { return settleInterval }))...)
	if err != nil {
		return err
	}
	defer client.Close()
	bindings, err := createACLs(ctx, client, users)
	if err != nil {
		return fmt.Errorf("create the users' ACLs: %w", err)
	}
	seeds := client.SeedBrokers() // not by node: brokers do not name one to clients before all have heard of it
	for n, broker := range c.Brokers {
		if err := poll(ctx, func() (bool, error) { return knows(ctx, seeds[n], len(c.Brokers), bindings) }); err != nil {
			return fmt.Errorf("wait until broker %d knows all brokers and ACLs: %w", broker.Node, err)
		}
		if err := poll(ctx, func() (bool, error) { return hasProducerIDs(ctx, seeds[n]) }); err != nil {
			return fmt.Errorf("wait until broker %d gives out producer ids: %w", broker.Node, err)
		}
	}
	return nil
}

// poll asks until it gets true or an error, or until the context ends.
func poll(ctx context.Context, ask func() (bool, error)) error {
	retry := time.NewTicker(settleInterval)
	defer retry.Stop()
	for {
		done, err := ask()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-retry.C:
		}
	}
}

// createACLs creates the ACLs and returns how many there are.
func createACLs(ctx context.Context, client *kgo.Client, users []User) (int, error) {
	request := kmsg.NewPtrCreateACLsRequest()
	for _, user := range users {
		for _, a := range user.ACLs {
			for _, operation := range a.Operations {
				creation := kmsg.NewCreateACLsRequestCreation()
				creation.ResourceType, creation.ResourceName, creation.ResourcePatternType = a.Resource, a.Name, a.pattern()
				creation.Principal, creation.Host = "User:"+user.Name, "*"
				creation.Operation, creation.PermissionType = operation, kmsg.ACLPermissionTypeAllow
				request.Creations = append(request.Creations, creation)
			}
		}
	}
	if len(request.Creations) == 0 {
		return 0, nil
	}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	for n, result := range response.Results {
		if err := kerr.ErrorForCode(result.ErrorCode); err != nil {
			return 0, fmt.Errorf("%v: %w", request.Creations[n], err)
		}
	}
	return len(request.Creations), nil
}

func (a ACL) pattern() kmsg.ACLResourcePatternType {
	if a.Prefixed {
		return kmsg.ACLResourcePatternTypePrefixed
	}
	return kmsg.ACLResourcePatternTypeLiteral
}

func knows(ctx context.Context, broker *kgo.Broker, brokers, bindings int) (bool, error) {
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, broker)
	if err != nil || len(metadata.Brokers) != brokers {
		return false, err
	}
	if bindings == 0 {
		return true, nil
	}
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	described, err := request.RequestWith(ctx, broker)
	if err != nil {
		return false, err
	}
	have := 0
	for _, resource := range described.Resources {
		have += len(resource.ACLs)
	}
	return have >= bindings, kerr.ErrorForCode(described.ErrorCode)
}

// hasProducerIDs asks for one; a client that was refused would wait for seconds in all, broker after broker.
func hasProducerIDs(ctx context.Context, broker *kgo.Broker) (bool, error) {
	response, err := kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, broker)
	if err != nil {
		return false, err
	}
	err = kerr.ErrorForCode(response.ErrorCode)
	if errors.Is(err, kerr.CoordinatorLoadInProgress) {
		return false, nil
	}
	return err == nil, err
}
