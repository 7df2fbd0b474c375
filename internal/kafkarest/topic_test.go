package kafkarest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// names returns a field of every object of a listing.
func names(document map[string]any, field string) (all []string) {
	data, _ := document["data"].([]any)
	for _, element := range data {
		object, _ := element.(map[string]any)
		all = append(all, fmt.Sprint(object[field]))
	}
	return all
}

func TestTopics(t *testing.T) {
	p := start(t)
	created := p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":3,"replication_factor":3,"configs":[{"name":"retention.ms","value":"3600000"}]}`, 201)
	for field, want := range map[string]any{
		"kind": "KafkaTopic", "cluster_id": lkcA, "topic_name": "orders", "is_internal": false, "replication_factor": 3.0, "partitions_count": 3.0,
		"partitions": map[string]any{"related": p.server.URL + "/kafka/v3" + a + "/topics/orders/partitions"},
	} {
		if fmt.Sprint(created[field]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", field, created[field], want)
		}
	}
	wantMetadata := map[string]any{
		"self":          p.server.URL + "/kafka/v3" + a + "/topics/orders",
		"resource_name": "crn://confluent.cloud/organization=" + orgA + "/environment=env-aaaaaa/cloud-cluster=" + lkcA + "/kafka=" + lkcA + "/topic=orders",
	}
	if fmt.Sprint(created["metadata"]) != fmt.Sprint(wantMetadata) {
		t.Errorf("metadata is %v, want %v", created["metadata"], wantMetadata)
	}
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"clicks"}`, 201)
	p.do(keyB, "POST", b+"/topics", `{"topic_name":"orders"}`, 201) // another tenant's, of the same name
	if got := names(p.do(keyA, "GET", a+"/topics", "", 200), "topic_name"); !slices.Equal(got, []string{"clicks", "orders"}) {
		t.Errorf("the topics of a are %q", got)
	}
	if got := names(p.do(keyB, "GET", b+"/topics", "", 200), "topic_name"); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("the topics of b are %q", got)
	}
	if got := p.do(keyA, "GET", a+"/topics/orders", "", 200); fmt.Sprint(got) != fmt.Sprint(created) {
		t.Errorf("GET has %v, and POST had %v", got, created)
	}
	if got := p.do(keyA, "GET", a+"/topics/orders?include_authorized_operations=true", "", 200); !strings.Contains(fmt.Sprint(got["authorized_operations"]), "WRITE") {
		t.Errorf("authorized_operations is %v", got["authorized_operations"])
	}
	if got := p.do(keyA, "PATCH", a+"/topics/orders", `{"partitions_count":5}`, 200); got["partitions_count"] != 5.0 {
		t.Errorf("after PATCH: %v", got)
	}
	p.do(keyA, "DELETE", a+"/topics/orders", "", 204)
	p.refused(keyA, "GET", a+"/topics/orders", "", 404, 40403, "orders")
	p.do(keyB, "GET", b+"/topics/orders", "", 200)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201) // the same name again
	p.do(keyA, "POST", a+"/topics/orders/records", `{"value":{"type":"STRING","data":"again"}}`, 200)
}

func TestTopicsThatAreRefused(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":3}`, 201)
	for _, test := range []struct {
		method, path, body string
		status, code       int
		text               string
	}{
		{"POST", "/topics", `{"topic_name":"orders"}`, 400, 40002, "exists"},
		{"POST", "/topics", `{"topic_name":"orders","validate_only":true}`, 400, 40002, "exists"},
		{"POST", "/topics", `{"topic_name":"a b"}`, 400, 40002, ""},
		{"POST", "/topics", `{"topic_name":""}`, 400, 40002, "topic_name is required"},
		{"POST", "/topics", `{}`, 400, 40002, "topic_name is required"},
		{"POST", "/topics", `{"topic_name":"x","partitions_count":0}`, 400, 40002, "at least 1"},
		{"POST", "/topics", `{"topic_name":"x","partitions_count":1000000}`, 400, 40002, "partition"},
		{"POST", "/topics", `{"topic_name":"x","partitions_count":"3"}`, 400, 40002, `"partitions_count" must not be a JSON string`},
		{"POST", "/topics", `{"topic_name":"x","configs":[{"name":"no.such.config","value":"1"}]}`, 400, 40002, "no.such.config"},
		{"POST", "/topics", `{"topic_name":"x","min_isr":1}`, 400, 40002, `unknown field "min_isr"`},
		{"POST", "/topics", `{"topic_name":"x"} {}`, 400, 40002, "something behind"},
		{"POST", "/topics", `{"topic_name":"x"`, 400, 40002, "ends too early"},
		{"POST", "/topics", `["x"]`, 400, 40002, "must be a JSON object"},
		{"POST", "/topics", ``, 400, 40002, "empty"},
		{"POST", "/topics", `{"topic_name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, 41301, "larger than"},
		{"GET", "/topics/none", ``, 404, 40403, `"none" does not exist`},
		{"GET", "/topics/_orrery_tenants", ``, 404, 40403, "does not exist"},
		{"GET", "/topics/" + lkcB + "_orders", ``, 404, 40403, "does not exist"},
		{"DELETE", "/topics/none", ``, 404, 40403, "does not exist"},
		{"PATCH", "/topics/none", `{"partitions_count":9}`, 404, 40403, "does not exist"},
		{"PATCH", "/topics/orders", `{"partitions_count":1}`, 400, 40002, ""},
		{"PATCH", "/topics/orders", `{}`, 400, 40002, "partitions_count is required"},
		{"GET", "/topics/none/partitions", ``, 404, 40403, "does not exist"},
		{"GET", "/topics/orders/partitions/3", ``, 404, 40402, "no partition 3"},
		{"GET", "/topics/orders/partitions/x", ``, 400, 40002, "not a number"},
	} {
		p.refused(keyA, test.method, a+test.path, test.body, test.status, test.code, test.text)
	}
	if got := names(p.do(keyA, "GET", a+"/topics", "", 200), "topic_name"); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("after all of that the topics are %q", got)
	}
}

func TestValidateOnly(t *testing.T) {
	p := start(t)
	got := p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":4,"validate_only":true}`, 200)
	if got["partitions_count"] != 4.0 || got["topic_name"] != "orders" {
		t.Errorf("the answer is %v", got)
	}
	p.refused(keyA, "GET", a+"/topics/orders", "", 404, 40403, "orders")
}

func TestPartitions(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":12}`, 201)
	listed := p.do(keyA, "GET", a+"/topics/orders/partitions", "", 200)
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint(i))
	}
	if got := names(listed, "partition_id"); listed["kind"] != "KafkaPartitionList" || !slices.Equal(got, want) {
		t.Errorf("%v has the partitions %q", listed["kind"], got)
	}
	one := p.do(keyA, "GET", a+"/topics/orders/partitions/7", "", 200)
	leader, _ := one["leader"].(map[string]any)
	if prefix := p.server.URL + "/kafka/v3" + a + "/topics/orders/partitions/7/replicas/"; one["partition_id"] != 7.0 || !strings.HasPrefix(fmt.Sprint(leader["related"]), prefix) {
		t.Errorf("the partition is %v", one)
	}
}

// TestLogin is every way to be turned away, on every resource.
func TestLogin(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders"}`, 201)
	for _, path := range []string{"", "/topics", "/topics/orders", "/topics/orders/configs", "/topics/-/configs", "/topics/orders/partitions", "/acls", "/nothing"} {
		p.refused(key{"NOSUCHKEYAAAAAAA", "x"}, "GET", a+path, "", 401, 40101, "NOSUCHKEY")
		p.refused(key{keyA.id, "wrong"}, "GET", a+path, "", 401, 40101, "secret is wrong")
		p.refused(keyB, "GET", a+path, "", 403, 40301, lkcB)
		p.refused(cloudKeyA, "GET", b+path, "", 404, 40401, lkcB)
		p.refused(cloudKeyA, "GET", "/clusters/lkc-zzzzzz"+path, "", 404, 40401, "lkc-zzzzzz")
	}
	r := p.request(keyA, "GET", a+"/topics", nil)
	r.Header.Del("Authorization")
	if response, _ := p.send(r); response.StatusCode != 401 || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("without a login: %d, WWW-Authenticate %q", response.StatusCode, response.Header.Get("WWW-Authenticate"))
	}
	if got := names(p.do(cloudKeyA, "GET", a+"/topics", "", 200), "topic_name"); !slices.Equal(got, []string{"orders"}) {
		t.Errorf("a Cloud API key sees %q", got)
	}
}

// TestWithoutRights uses a key whose owner has no role: it sees nothing and changes nothing.
func TestWithoutRights(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","partitions_count":1}`, 201)
	if got := names(p.do(keyNoRight, "GET", a+"/topics", "", 200), "topic_name"); len(got) != 0 {
		t.Errorf("it sees %q", got)
	}
	p.refused(keyNoRight, "GET", a+"/topics/orders", "", 403, 40301, "")
	p.refused(keyNoRight, "POST", a+"/topics", `{"topic_name":"mine"}`, 403, 40301, "")
	p.refused(keyNoRight, "DELETE", a+"/topics/orders", "", 403, 40301, "")
	p.refused(keyNoRight, "PATCH", a+"/topics/orders", `{"partitions_count":9}`, 403, 40301, "")
	p.refused(keyNoRight, "GET", a+"/topics/orders/configs", "", 403, 40301, "")
	p.refused(keyNoRight, "PUT", a+"/topics/orders/configs/retention.ms", `{"value":"1"}`, 403, 40301, "")
	p.refused(keyNoRight, "POST", a+"/topics/orders/records", `{"value":{"type":"STRING","data":"x"}}`, 403, 40301, "")
	if got := p.do(keyA, "GET", a+"/topics/orders", "", 200); got["partitions_count"] != 1.0 {
		t.Errorf("the topic is now %v", got)
	}
}

// TestDeletedKey deletes a key that has a client with open connections: it is turned away, and the other keys of the
// cluster are not.
func TestDeletedKey(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders"}`, 201)
	p.put("credential", keyA.id, nil)
	p.await(keyA, 401, 200, 503) // 503: the key's connections end under a request
	p.do(cloudKeyA, "GET", a+"/topics/orders", "", 200)
}

func TestCluster(t *testing.T) {
	p := start(t)
	one := p.do(cloudKeyA, "GET", a, "", 200)
	if one["kind"] != "KafkaCluster" || one["cluster_id"] != lkcA || !strings.Contains(fmt.Sprint(one["topics"]), a+"/topics") {
		t.Errorf("the cluster is %v", one)
	}
}

// TestWhichCluster asks without one in the path, with a key that names none.
func TestWhichCluster(t *testing.T) {
	p := start(t)
	p.refused(cloudKeyA, "GET", "/clusters", "", 400, 40002, "must be in the path")
	p.refused(key{cloudKeyA.id, "wrong"}, "GET", "/clusters", "", 401, 40101, "secret is wrong")
}

func TestNotOffered(t *testing.T) {
	p := start(t)
	for _, path := range []string{"/brokers", "/consumer-groups/g/lags", "/broker-configs:alter", "/links", "/share-groups", "/streams-groups", "/topics/x/default-configs"} {
		p.refused(keyA, "GET", a+path, "", 501, 501, "offered are")
	}
	for _, path := range []string{"/", "/topics/x/nothing", "/nothing"} {
		p.refused(keyA, "GET", a+path, "", 404, 404, "offered are")
	}
	response, _ := p.send(p.request(keyA, "PUT", a+"/topics/x", http.NoBody))
	if allow := response.Header.Get("Allow"); response.StatusCode != 405 || allow != "GET, PATCH, DELETE" {
		t.Errorf("a wrong method: %d, Allow %q", response.StatusCode, allow)
	}
	r := p.request(keyA, "POST", a+"/topics", strings.NewReader(`{"topic_name":"x"}`))
	r.Header.Set("Content-Type", "text/plain")
	if response, _ := p.send(r); response.StatusCode != 415 {
		t.Errorf("with another content type: %d", response.StatusCode)
	}
}

// TestEveryAnswerHasARequestID includes the failures.
func TestEveryAnswerHasARequestID(t *testing.T) {
	p := start(t)
	seen := map[string]bool{}
	for _, k := range []key{keyA, {"x", "y"}} {
		for _, path := range []string{a, a + "/nothing", "/nothing"} {
			response, _ := p.send(p.request(k, "GET", path, nil))
			if id := response.Header.Get("X-Request-Id"); id == "" || seen[id] {
				t.Errorf("%s has the request id %q", path, id)
			} else {
				seen[id] = true
			}
		}
	}
}

func BenchmarkCreateTopic(b *testing.B) {
	p := start(b)
	for i := 0; b.Loop(); i++ {
		response, body := p.send(p.request(keyA, "POST", a+"/topics", strings.NewReader(fmt.Sprintf(`{"topic_name":"t%d","partitions_count":1}`, i%400))))
		if response.StatusCode != 201 {
			b.Fatalf("%d %s", response.StatusCode, body)
		}
		p.send(p.request(keyA, "DELETE", fmt.Sprintf("%s/topics/t%d", a, i%400), nil))
	}
}
