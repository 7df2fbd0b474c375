package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
)

// TestKafkaRESTAnswers holds the client to what Kafka REST answers, also where a proxy answers in its place.
func TestKafkaRESTAnswers(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
		code       orrery.Code
		message    string
	}{
		{"a topic", `{"topic_name":"t","partitions_count":6}`, 200, "", ""},
		{"unknown topic", `{"error_code":40403,"message":"This server does not host this topic-partition."}`, 404, orrery.NotFound, "This server does not host this topic-partition."},
		{"a topic that exists", `{"error_code":40002,"message":"Topic 't' already exists."}`, 400, orrery.Conflict, "Topic 't' already exists."},
		{"a bad value", `{"error_code":40002001,"message":"no"}`, 400, orrery.Invalid, "no"},
		{"not authenticated", `{"error_code":401,"message":"Unauthorized"}`, 401, orrery.Unauthenticated, "Unauthorized"},
		{"a proxy", `<html>`, 502, orrery.Unavailable, ""},
		{"not an answer", `<html>`, 200, orrery.Invalid, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked *http.Request
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r
				w.Header().Set("X-Request-Id", "req-1")
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			defer server.Close()
			rest := &client.KafkaREST{URL: server.URL + "/", ClusterID: "lkc-abc123", APIKey: "K", APISecret: "S"}
			topic, err := rest.GetTopic(t.Context(), "a.b%c")
			if got := asked.URL.EscapedPath(); got != "/kafka/v3/clusters/lkc-abc123/topics/a.b%25c" {
				t.Errorf("asked for %s", got)
			}
			if user, password, _ := asked.BasicAuth(); user != "K" || password != "S" {
				t.Errorf("logged in as %q, %q", user, password)
			}
			if test.code == "" {
				if err != nil || topic.Name != "t" || topic.PartitionsCount != 6 {
					t.Errorf("got %+v, %v", topic, err)
				}
				return
			}
			var domain *orrery.Error
			if !errors.As(err, &domain) || domain.Code != test.code || test.message != "" && domain.Message != test.message {
				t.Fatalf("the error is %v (%s), want %s %q", err, orrery.ErrorCode(err), test.code, test.message)
			}
			var answer *client.Failure
			if test.status >= 400 && (!errors.As(err, &answer) || answer.Status != test.status || answer.RequestID != "req-1") {
				t.Errorf("the answer behind the error is %+v", answer)
			}
		})
	}
}

func TestKafkaRESTUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	rest := &client.KafkaREST{URL: server.URL, ClusterID: "lkc-abc123"}
	if _, err := rest.ListTopics(t.Context()); orrery.ErrorCode(err) != orrery.Unavailable {
		t.Errorf("the error is %v", err)
	}
}
