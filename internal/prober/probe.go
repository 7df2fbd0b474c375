package prober

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/orrery-kafka/orrery/internal/health"
)

// attempt is one probe that is under way.
type attempt struct {
	target Target
	login  Login
	client *kgo.Client
	result health.Probe

	// secured is when the connection that is measured had TLS.
	secured time.Time

	mu sync.Mutex // guards result, and what the client tells
	// answered is how long the newest request of each API key took, without making its connection.
	answered map[int16]time.Duration
}

var (
	_ kgo.HookBrokerE2E   = (*attempt)(nil)
	_ kgo.HookBrokerWrite = (*attempt)(nil)
)

// OnBrokerWrite is told of each request that was sent: the first one of its own accord goes out after the login.
func (a *attempt) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == kmsg.Metadata.Int16() && err == nil {
		a.reach(health.LoggedIn, time.Since(a.secured))
	}
}

// OnBrokerE2E is told of each request that was answered, before who sent it is.
func (a *attempt) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answered[key] = e2e.DurationE2E()
}

func (a *attempt) took(key kmsg.Key) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answered[key.Int16()]
}

// probe tries one target.
func probe(ctx context.Context, login Login, target Target) health.Probe {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	a := &attempt{target: target, login: login, result: health.Probe{Node: target.Node}, answered: map[int16]time.Duration{}}
	if err := a.run(ctx); err != nil {
		a.result.Error = err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			a.result.Error = fmt.Sprintf("no answer within %s", Timeout)
		}
	}
	a.result.At = time.Now()
	return a.result
}

func (a *attempt) run(ctx context.Context) (err error) {
	a.client, err = kgo.NewClient(
		kgo.SeedBrokers(a.target.Address),
		kgo.ClientID("orrery-prober"),
		kgo.Dialer(a.dial),
		kgo.SASL(plain.Auth{User: a.login.User, Pass: a.login.Password}.AsMechanism()),
		kgo.DisableClientMetrics(),
		kgo.RequestRetries(0),
		kgo.WithHooks(a),
	)
	if err != nil {
		return err
	}
	defer a.client.Close()
	topic, err := a.ask(ctx)
	if err != nil || a.target.Topic == "" {
		return err
	}
	if err := a.leads(topic); err != nil {
		return err
	}
	value := rand.Text()
	offset, err := a.produce(ctx, topic, value)
	if err != nil {
		return err
	}
	return a.consume(ctx, topic, offset, value)
}

// reach notes that a stage went well.
func (a *attempt) reach(stage health.Stage, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.result.Reached < stage {
		a.result.Reached, a.result.Took[stage] = stage, took
	}
}

// dial makes a connection with TLS. The first one is the one that is measured.
func (a *attempt) dial(ctx context.Context, network, address string) (net.Conn, error) {
	begun := time.Now()
	dial := a.login.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.reach(health.Dialled, time.Since(begun))
	begun = time.Now()
	config := a.login.TLS.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			conn.Close()
			return nil, err
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	a.reach(health.Secured, time.Since(begun))
	if a.secured.IsZero() {
		a.secured = time.Now() // the first connection comes before all others
	}
	return secure, nil
}

// send sends one request to the target, which no client of this library would do but the one that asks for it.
func (a *attempt) send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return a.client.SeedBrokers()[0].Request(ctx, request)
}

// ask asks for the target's topic.
func (a *attempt) ask(ctx context.Context) (kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	if a.target.Topic != "" {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(a.target.Topic)
		request.Topics = append(request.Topics, topic)
	}
	response, err := a.send(ctx, request)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	topics := response.(*kmsg.MetadataResponse).Topics
	if len(topics) != len(request.Topics) {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("asked for %d topics, told of %d", len(request.Topics), len(topics))
	}
	if len(topics) == 0 {
		return kmsg.MetadataResponseTopic{}, nil
	}
	return topics[0], nil
}

// leads returns an error unless the target leads the topic's partition.
func (a *attempt) leads(topic kmsg.MetadataResponseTopic) error {
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return fmt.Errorf("topic %s: %w", a.target.Topic, err)
	}
	if len(topic.Partitions) != 1 {
		return fmt.Errorf("topic %s has %d partitions instead of one", a.target.Topic, len(topic.Partitions))
	}
	p := topic.Partitions[0]
	if p.Leader != a.target.Node {
		return errors.Join(fmt.Errorf("topic %s is led by broker %d", a.target.Topic, p.Leader), kerr.ErrorForCode(p.ErrorCode))
	}
	return nil
}

// produce appends one record and returns its offset.
func (a *attempt) produce(ctx context.Context, topic kmsg.MetadataResponseTopic, value string) (int64, error) {
	// One at a time, and the only replica is the leader's.
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = 1, int32(Timeout.Milliseconds())
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = a.target.Topic, topic.TopicID
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch([]byte(value), time.Now())
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	response, err := a.send(ctx, request)
	if err != nil {
		return 0, err
	}
	topics := response.(*kmsg.ProduceResponse).Topics
	if len(topics) != 1 || len(topics[0].Partitions) != 1 {
		return 0, errors.New("the answer to a record is about something else")
	}
	answer := topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		if answer.ErrorMessage != nil {
			return 0, fmt.Errorf("%w: %s", err, *answer.ErrorMessage)
		}
		return 0, err
	}
	a.reach(health.Produced, a.took(kmsg.Produce))
	return answer.BaseOffset, nil
}

// consume reads the record back.
func (a *attempt) consume(ctx context.Context, topic kmsg.MetadataResponseTopic, offset int64, value string) error {
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = int32(Timeout.Milliseconds()), 1, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = a.target.Topic, topic.TopicID
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1<<20
	t.Partitions = append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	response, err := a.send(ctx, request)
	if err != nil {
		return err
	}
	fetched := response.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
		return err
	}
	if len(fetched.Topics) != 1 || len(fetched.Topics[0].Partitions) != 1 {
		return errors.New("the answer to a fetch is about something else")
	}
	answer := &fetched.Topics[0].Partitions[0]
	read, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: a.target.Topic}, answer, kgo.DefaultDecompressor(), nil)
	if read.Err != nil {
		return read.Err
	}
	for _, r := range read.Records {
		if r.Offset == offset && bytes.Equal(r.Value, []byte(value)) {
			a.reach(health.Consumed, a.took(kmsg.Fetch))
			return nil
		}
	}
	return fmt.Errorf("the record at offset %d was taken and is not there", offset)
}
