package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/test/bench/job"
)

// stormRequest is one request of a storm, in a version with a flexible header.
func stormRequest(j job.Job) kmsg.Request {
	switch j.Kind {
	case job.CreateTopics:
		request := kmsg.NewPtrCreateTopicsRequest()
		request.Version, request.TimeoutMillis = 7, 30_000
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = j.Topic+rand.Text(), 1, -1
		request.Topics = append(request.Topics, topic)
		return request
	case job.ProducerIDs:
		request := kmsg.NewPtrInitProducerIDRequest()
		request.Version, request.TransactionTimeoutMillis = 4, 60_000
		return request
	default:
		request := kmsg.NewPtrMetadataRequest()
		request.Version = 12 // null topics: all of them
		return request
	}
}

// checkStorm returns what looks whether an answer says no.
func checkStorm(j job.Job) func(body []byte) error {
	return func(body []byte) error {
		response := stormRequest(j).ResponseKind()
		if err := response.ReadFrom(body); err != nil {
			return err
		}
		refused := false
		switch r := response.(type) {
		case *kmsg.CreateTopicsResponse:
			refused = len(r.Topics) != 1 || r.Topics[0].ErrorCode != 0
		case *kmsg.InitProducerIDResponse:
			refused = r.ErrorCode != 0
		}
		if refused {
			return errRefused
		}
		return nil
	}
}

// visit is a connection that logs in, asks once and leaves. One that is ended by the other side was refused.
func (r *requesters) visit(ctx context.Context) error {
	c, err := r.login(ctx)
	if err == nil {
		_, err = c.ask(stormRequest(job.Job{Kind: job.Metadata}))
		c.Close()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		r.refused.Add(1)
		return nil
	}
	return err
}
