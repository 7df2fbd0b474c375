package gatewaytest

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// removeGroups deletes every group and every configuration of one. A member that has gone without a word would keep
// its group until its session ends, so all members are made to leave.
func removeGroups(ctx context.Context, client *kgo.Client) error {
	for _, shard := range client.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return shard.Err
		}
		if err := removeEach(ctx, client, shard.Resp.(*kmsg.ListGroupsResponse).Groups); err != nil {
			return err
		}
	}
	return removeGroupConfigurations(ctx, client)
}

func removeEach(ctx context.Context, client *kgo.Client, groups []kmsg.ListGroupsResponseGroup) error {
	admin := kadm.NewClient(client)
	for _, g := range groups {
		err := ask(ctx, func() error {
			if err := expel(ctx, client, g.Group, g.GroupType); err != nil {
				return err
			}
			if _, err := admin.DeleteGroup(ctx, g.Group); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
				return err
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("group %s of type %s: %w", g.Group, g.GroupType, err)
		}
	}
	return nil
}

// expel makes every member leave a group.
func expel(ctx context.Context, client *kgo.Client, group, kind string) error {
	admin := kadm.NewClient(client)
	switch kind {
	case "classic":
		return expelClassic(ctx, client, group)
	case "consumer":
		described, err := admin.DescribeConsumerGroups(ctx, group)
		if err != nil {
			return err
		}
		for _, m := range described[group].Members {
			leave := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			leave.Group, leave.MemberID, leave.InstanceID, leave.MemberEpoch = group, m.MemberID, m.InstanceID, -1
			if _, err := leave.RequestWith(ctx, client); err != nil {
				return err
			}
		}
	case "share":
		described, err := admin.DescribeShareGroups(ctx, group)
		if err != nil {
			return err
		}
		for _, m := range described[group].Members {
			leave := kmsg.NewPtrShareGroupHeartbeatRequest()
			leave.GroupID, leave.MemberID, leave.MemberEpoch = group, m.MemberID, -1
			if _, err := leave.RequestWith(ctx, client); err != nil {
				return err
			}
		}
	case "streams":
		return expelStreams(ctx, client, group)
	}
	return nil
}

// expelStreams asks the coordinator itself, for the client does not know where to send what.
func expelStreams(ctx context.Context, client *kgo.Client, group string) error {
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{group}
	found, err := find.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	coordinator := client.Broker(int(found.Coordinators[0].NodeID))
	describe := kmsg.NewPtrStreamsGroupDescribeRequest()
	describe.Groups = []string{group}
	described, err := describe.RequestWith(ctx, coordinator)
	if err != nil {
		return err
	}
	for _, m := range described.Groups[0].Members {
		leave := kmsg.NewPtrStreamsGroupHeartbeatRequest()
		leave.Group, leave.MemberID, leave.InstanceID, leave.MemberEpoch = group, m.MemberID, m.InstanceID, -1
		if _, err := leave.RequestWith(ctx, coordinator); err != nil {
			return err
		}
	}
	return nil
}

func expelClassic(ctx context.Context, client *kgo.Client, group string) error {
	described, err := kadm.NewClient(client).DescribeGroups(ctx, group)
	if err != nil {
		return err
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range described[group].Members {
		leave.Members = append(leave.Members, kmsg.LeaveGroupRequestMember{MemberID: m.MemberID, InstanceID: m.InstanceID})
	}
	if len(leave.Members) == 0 {
		return nil
	}
	_, err = leave.RequestWith(ctx, client)
	return err
}

func removeGroupConfigurations(ctx context.Context, client *kgo.Client) error {
	list := kmsg.NewPtrListConfigResourcesRequest()
	list.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeGroupConfig)}
	configured, err := list.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	// What a legacy request does not name goes back to its default.
	alter := kmsg.NewPtrAlterConfigsRequest()
	for _, c := range configured.ConfigResources {
		alter.Resources = append(alter.Resources, kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: c.Name})
	}
	if len(alter.Resources) == 0 {
		return nil
	}
	altered, err := alter.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, r := range altered.Resources {
		err = errors.Join(err, kerr.ErrorForCode(r.ErrorCode))
	}
	return err
}
