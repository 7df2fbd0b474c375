package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// seats is how many connections ask, one after another: of one tenant, or each of another one.
const seats = 20

// seat is a connection of a tenant, with the world that it is in.
type seat struct {
	world *world
	tenant
	*wire
	engine  *wire // to the broker itself, as the superuser
	changes int
}

// kind is a kind of request. Each ask returns how long it took, which may be less than all that it does.
type kind struct {
	name, goal string
	requests   func(sizes) int // in a round
	atOnce     bool            // by all seats at the same time
	ask        func(context.Context, *seat) (time.Duration, error)
}

func all(s sizes) int     { return s.requests }
func quarter(s sizes) int { return max(s.requests/4, 1) }

var kinds = []kind{
	{name: "Metadata, all topics", goal: "1.2", requests: all, ask: asks(func() kmsg.Request {
		request := metadataOf()
		request.Topics = nil
		return request
	}, tenTopics)},
	{name: "Metadata, by name", goal: "1.2", requests: all, ask: asks(func() kmsg.Request {
		var names []string
		for n := range topicsEach {
			names = append(names, topicName(n))
		}
		return metadataOf(names...)
	}, tenTopics)},
	{name: "FindCoordinator", goal: "1.2", requests: all, ask: asks(func() kmsg.Request {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.Version, request.CoordinatorKeys = 4, []string{groupName(0)}
		return request
	}, oneCoordinator)},
	{name: "authentication", goal: "1.2", requests: quarter, ask: authenticate},
	{name: "ListGroups", goal: "3", requests: all, ask: asks(listGroups, ownGroups)},
	{name: fmt.Sprintf("ListGroups, %d clients at once", seats), goal: "3", requests: all, atOnce: true, ask: asks(listGroups, ownGroups)},
	{name: "ListGroups of all tenants, at the engine itself", requests: all, ask: listAtEngine},
	{name: "ListGroups of no group, at the engine itself", requests: all, ask: listNoneAtEngine},
	{name: "Metadata, all topics, right after a new topic of the tenant", requests: quarter, ask: afterChange},
}

func listGroups() kmsg.Request {
	request := kmsg.NewPtrListGroupsRequest()
	request.Version = 4
	return request
}

// asks makes a request and checks the answer.
func asks(request func() kmsg.Request, check func(kmsg.Response) error) func(context.Context, *seat) (time.Duration, error) {
	return func(_ context.Context, s *seat) (time.Duration, error) {
		r := request()
		began := time.Now()
		response, err := s.ask(r)
		took := time.Since(began)
		if err == nil {
			err = check(response)
		}
		return took, err
	}
}

func tenTopics(r kmsg.Response) error {
	response := r.(*kmsg.MetadataResponse)
	for _, t := range response.Topics {
		if t.ErrorCode != 0 || len(t.Partitions) != 1 {
			return fmt.Errorf("a topic is %+v", t)
		}
	}
	if len(response.Topics) != topicsEach {
		return fmt.Errorf("%d topics instead of %d", len(response.Topics), topicsEach)
	}
	return nil
}

func oneCoordinator(r kmsg.Response) error {
	response := r.(*kmsg.FindCoordinatorResponse)
	if len(response.Coordinators) != 1 || response.Coordinators[0].ErrorCode != 0 {
		return fmt.Errorf("the coordinator is %+v", response.Coordinators)
	}
	return nil
}

func ownGroups(r kmsg.Response) error {
	response := r.(*kmsg.ListGroupsResponse)
	if response.ErrorCode != 0 || len(response.Groups) != groupsEach {
		return fmt.Errorf("%d groups instead of %d; error %d", len(response.Groups), groupsEach, response.ErrorCode)
	}
	return nil
}

// listAtEngine asks the broker itself, without a gateway, for what a gateway asks it for: the groups of all tenants.
func listAtEngine(_ context.Context, s *seat) (time.Duration, error) {
	return askEngine(s, listGroups(), groupsEach*len(s.world.tenants))
}

// listNoneAtEngine asks for the groups in a state that none is in, which the broker looks through all groups for: it is
// what any listing costs at the least.
func listNoneAtEngine(_ context.Context, s *seat) (time.Duration, error) {
	request := listGroups().(*kmsg.ListGroupsRequest)
	request.StatesFilter = []string{"CompletingRebalance"}
	return askEngine(s, request, 0)
}

func askEngine(s *seat, request kmsg.Request, groups int) (time.Duration, error) {
	began := time.Now()
	response, err := s.engine.ask(request)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if r := response.(*kmsg.ListGroupsResponse); r.ErrorCode != 0 || len(r.Groups) != groups {
		return 0, fmt.Errorf("the engine lists %d groups instead of %d; error %d", len(r.Groups), groups, r.ErrorCode)
	}
	return took, nil
}

// authenticate measures what comes after TLS on a new connection.
func authenticate(ctx context.Context, s *seat) (time.Duration, error) {
	client, err := open(ctx, s.world.gateway.Address, s.world.tls)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = client.logIn(s.key)
	return time.Since(began), errors.Join(err, client.close())
}

// afterChange creates a topic, lists the topics, and deletes it.
func afterChange(ctx context.Context, s *seat) (time.Duration, error) {
	s.changes++
	name := fmt.Sprint("extra-", s.changes)
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 5, 10_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, -1
	create.Topics = append(create.Topics, topic)
	response, err := s.ask(create)
	if err == nil {
		err = kerr.ErrorForCode(response.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("creating a topic: %w", err)
	}
	var took time.Duration
	err = eventually(ctx, func() error { // Apache Kafka answers before the broker knows of it
		request := metadataOf()
		request.Topics = nil
		began := time.Now()
		response, err := s.ask(request)
		if took = time.Since(began); err != nil {
			return err
		}
		if n := len(response.(*kmsg.MetadataResponse).Topics); n != topicsEach+1 {
			return fmt.Errorf("%d topics instead of %d", n, topicsEach+1)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.Version, remove.TimeoutMillis, remove.TopicNames = 5, 10_000, []string{name}
	if response, err = s.ask(remove); err == nil {
		err = kerr.ErrorForCode(response.(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("deleting a topic: %w", err)
	}
	return took, eventually(ctx, func() error {
		_, err := asks(func() kmsg.Request { r := metadataOf(); r.Topics = nil; return r }, tenTopics)(ctx, s)
		return err
	})
}

// manyTenants measures what one tenant waits for beside many others, against one that is alone.
func (b *bench) manyTenants(ctx context.Context, engine kafkatest.Engine, tenants int) (section string, err error) {
	var both [2][]*seat
	for i, n := range []int{1, tenants} {
		w, err := b.openWorld(ctx, contents{engine: engine, tenants: n, keys: 1, topics: topicsEach, groups: groupsEach})
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		for j := range seats {
			t := w.tenants[j*len(w.tenants)/seats]
			client, err := w.connect(ctx, t)
			if err != nil {
				return "", err
			}
			defer client.close()
			engine, err := open(ctx, w.kafka.Brokers[0].Address, nil)
			if err != nil {
				return "", err
			}
			defer engine.close()
			both[i] = append(both[i], &seat{world: w, tenant: t, wire: client, engine: engine})
		}
	}
	var rows [][]string
	for _, k := range kinds {
		row, err := b.compare(ctx, k, both)
		if err != nil {
			return "", fmt.Errorf("%s: %w", k.name, err)
		}
		rows = append(rows, row)
	}
	return fmt.Sprintf("%d tenants on the engine %s, each with %d topics and %d groups, beside a cluster with one such tenant; %d connections, which ask one after another, "+
		"which alternate with the other cluster's; medians of %d rounds of %d requests. The ratios are the medians of the rounds'.\n\n", tenants, engine, topicsEach, groupsEach, seats, b.rounds, b.requests) +
		measured.Table([]string{"request", "one tenant", "many", "ratio", "ratio of the means", "goal"}, rows), nil
}

// compare asks in both worlds by turns, as many at a time as there are seats.
func (b *bench) compare(ctx context.Context, k kind, both [2][]*seat) ([]string, error) {
	var alone, beside, ratios, means []float64 // of each round; seconds
	for round := range b.warming + b.rounds {
		var took [2][]float64
		for turn := range 2 * max(k.requests(b.sizes)/seats, 1) {
			which := (turn + round) % 2
			more, err := ask(ctx, k, both[which])
			if err != nil {
				return nil, err
			}
			took[which] = append(took[which], more...)
		}
		if round >= b.warming {
			alone, beside = append(alone, middle(took[0])), append(beside, middle(took[1]))
			ratios, means = append(ratios, middle(took[1])/middle(took[0])), append(means, average(took[1])/average(took[0]))
		}
	}
	row := []string{k.name, milliseconds(middle(alone)), milliseconds(middle(beside)), fmt.Sprintf("%.2f", middle(ratios)), fmt.Sprintf("%.2f", middle(means)), k.goal}
	b.say("%s: %s alone, %s beside others, ratio %s (of the means %s; goal %s)", row[0], row[1], row[2], row[3], row[4], row[5])
	return row, nil
}

// ask asks once at each seat, and returns how long each request took, in seconds.
func ask(ctx context.Context, k kind, clients []*seat) ([]float64, error) {
	took := make([]float64, len(clients))
	var working errgroup.Group
	if !k.atOnce {
		working.SetLimit(1)
	}
	for i, client := range clients {
		working.Go(func() error {
			d, err := k.ask(ctx, client)
			took[i] = d.Seconds()
			return err
		})
	}
	return took, working.Wait()
}

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func average(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.3f ms", seconds*1e3) }
