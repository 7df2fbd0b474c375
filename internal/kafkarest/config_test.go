package kafkarest_test

import (
	"fmt"
	"slices"
	"testing"
)

func (p *platform) wantConfig(name string, value any, source string, isDefault bool) {
	p.t.Helper()
	got := p.do(keyA, "GET", a+"/topics/orders/configs/"+name, "", 200)
	if got["name"] != name || got["value"] != value || got["source"] != source || got["is_default"] != isDefault || got["kind"] != "KafkaTopicConfig" {
		p.t.Errorf("%s is %v, want %v from %s, default %v", name, got, value, source, isDefault)
	}
}

func TestConfigs(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders","configs":[{"name":"retention.ms","value":"3600000"}]}`, 201)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"clicks"}`, 201)
	p.do(keyB, "POST", b+"/topics", `{"topic_name":"theirs"}`, 201)
	configs := a + "/topics/orders/configs"
	p.wantConfig("retention.ms", "3600000", "DYNAMIC_TOPIC_CONFIG", false)
	p.wantConfig("cleanup.policy", "delete", "DEFAULT_CONFIG", true)

	p.do(keyA, "PUT", configs+"/cleanup.policy", `{"value":"compact"}`, 204)
	p.wantConfig("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG", false)
	p.do(keyA, "DELETE", configs+"/cleanup.policy", "", 204)
	p.wantConfig("cleanup.policy", "delete", "DEFAULT_CONFIG", true)

	p.do(keyA, "POST", configs+":alter", `{"data":[]}`, 204)
	p.do(keyA, "POST", configs+":alter", `{"data":[{"name":"retention.ms","operation":"DELETE"},{"name":"max.message.bytes","value":"2000000"},{"name":"cleanup.policy","operation":"SET","value":"compact"}]}`, 204)
	p.wantConfig("max.message.bytes", "2000000", "DYNAMIC_TOPIC_CONFIG", false)
	p.wantConfig("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG", false)
	if got := p.do(keyA, "GET", configs+"/retention.ms", "", 200); got["is_default"] != true || got["value"] == "3600000" {
		t.Errorf("after its reset retention.ms is %v", got)
	}
	p.do(keyA, "POST", configs+":alter", `{"data":[{"name":"cleanup.policy","value":"delete"}],"validate_only":true}`, 204)
	p.wantConfig("cleanup.policy", "compact", "DYNAMIC_TOPIC_CONFIG", false)

	listed := p.do(keyA, "GET", configs, "", 200)
	if got := names(listed, "name"); listed["kind"] != "KafkaTopicConfigList" || !slices.IsSorted(got) || !slices.Contains(got, "cleanup.policy") {
		t.Errorf("the list %v has %q", listed["kind"], got)
	}
	all := names(p.do(keyA, "GET", a+"/topics/-/configs", "", 200), "topic_name")
	if got := slices.Compact(slices.Clone(all)); !slices.Equal(got, []string{"clicks", "orders"}) {
		t.Errorf("the configurations of all topics are of %q", got)
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	p := start(t)
	p.do(keyA, "POST", a+"/topics", `{"topic_name":"orders"}`, 201)
	before := fmt.Sprint(p.do(keyA, "GET", a+"/topics/orders/configs", "", 200))
	for _, test := range []struct {
		method, path, body string
		status, code       int
		text               string
	}{
		{"GET", "none/configs", ``, 404, 40403, "none"},
		{"GET", "none/configs/retention.ms", ``, 404, 40403, "none"},
		{"GET", "orders/configs/no.such.config", ``, 404, 404, "no.such.config"},
		{"PUT", "orders/configs/no.such.config", `{"value":"1"}`, 400, 40002, "no.such.config"},
		{"PUT", "orders/configs/retention.ms", `{"value":"soon"}`, 400, 40002, "retention.ms"},
		{"PUT", "orders/configs/retention.ms", `{"value":null}`, 400, 40002, "value is required"},
		{"PUT", "orders/configs/retention.ms", `{"values":"1"}`, 400, 40002, "unknown field"},
		{"PUT", "none/configs/retention.ms", `{"value":"1000"}`, 404, 40403, "none"},
		{"DELETE", "none/configs/retention.ms", ``, 404, 40403, "none"},
		{"POST", "none/configs:alter", `{"data":[]}`, 404, 40403, "none"},
		{"POST", "orders/configs:alter", `{}`, 400, 40002, "data is required"},
		{"POST", "orders/configs:alter", `{"data":[{"name":"retention.ms"}]}`, 400, 40002, "needs a value"},
		{"POST", "orders/configs:alter", `{"data":[{"name":"retention.ms","operation":"APPEND","value":"1"}]}`, 400, 40002, "APPEND"},
		{"POST", "orders/configs:alter", `{"data":[{"name":"retention.ms","value":"1000"},{"name":"no.such.config","value":"1"}]}`, 400, 40002, "no.such.config"},
	} {
		p.refused(keyA, test.method, a+"/topics/"+test.path, test.body, test.status, test.code, test.text)
	}
	if after := fmt.Sprint(p.do(keyA, "GET", a+"/topics/orders/configs", "", 200)); after != before {
		t.Errorf("something of it was changed:\n%s\n%s", before, after)
	}
}
