package kafkarest_test

import (
	"context"
	"net/http"
	"testing"

	sdk "github.com/confluentinc/ccloud-sdk-go-v2/kafkarest/v3"
)

// TestACLs drives the ACLs with Confluent Cloud's own Go client.
func TestACLs(t *testing.T) {
	p := start(t)
	configuration := sdk.NewConfiguration()
	configuration.HTTPClient = p.server.Client()
	configuration.Servers = sdk.ServerConfigurations{{URL: p.server.URL}}
	client := sdk.NewAPIClient(configuration).ACLV3Api
	ctx := context.WithValue(t.Context(), sdk.ContextBasicAuth, sdk.BasicAuth{UserName: keyA.id, Password: keyA.secret})
	read := sdk.CreateAclRequestData{
		ResourceType: sdk.TOPIC, ResourceName: "orders", PatternType: "LITERAL", Principal: "User:sa-1", Host: "*", Operation: "READ", Permission: "ALLOW",
	}
	write, group := read, read
	write.Operation, group.ResourceType, group.ResourceName, group.PatternType = "WRITE", sdk.GROUP, "work", "PREFIXED"

	if response, err := client.CreateKafkaAcls(ctx, lkcA).CreateAclRequestData(read).Execute(); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("CreateKafkaAcls: %v", err)
	}
	batch := sdk.CreateAclRequestDataList{Data: []sdk.CreateAclRequestData{write, group}}
	if response, err := client.BatchCreateKafkaAcls(ctx, lkcA).CreateAclRequestDataList(batch).Execute(); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("BatchCreateKafkaAcls: %v", err)
	}
	all, _, err := client.GetKafkaAcls(ctx, lkcA).Execute()
	if err != nil || len(all.Data) != 3 || all.Kind != "KafkaAclList" {
		t.Fatalf("GetKafkaAcls: %+v, %v", all, err)
	}
	covering, _, err := client.GetKafkaAcls(ctx, lkcA).ResourceType(sdk.GROUP).ResourceName("workers").PatternType("MATCH").Principal("User:sa-1").Execute()
	if err != nil || len(covering.Data) != 1 {
		t.Fatalf("GetKafkaAcls of a group: %+v, %v", covering, err)
	}
	if got := covering.Data[0]; got.ClusterId != lkcA || got.Kind != "KafkaAcl" || got.ResourceName != "work" || got.PatternType != "PREFIXED" || got.Permission != "ALLOW" {
		t.Errorf("the ACL of a group is %+v", got)
	}
	deleted, _, err := client.DeleteKafkaAcls(ctx, lkcA).ResourceType(sdk.TOPIC).PatternType("LITERAL").Operation("ANY").Permission("ALLOW").ResourceName("orders").Execute()
	if err != nil || len(deleted.Data) != 2 {
		t.Errorf("DeleteKafkaAcls: %+v, %v", deleted, err)
	}
	if left, _, err := client.GetKafkaAcls(ctx, lkcA).Execute(); err != nil || len(left.Data) != 1 {
		t.Errorf("afterwards: %+v, %v", left, err)
	}
}

func TestACLsThatAreRefused(t *testing.T) {
	p := start(t)
	const good = `{"resource_type":"TOPIC","resource_name":"orders","pattern_type":"LITERAL","principal":"User:sa-1","host":"*","operation":"READ","permission":"ALLOW"}`
	p.refused(keyNoRight, "GET", a+"/acls", "", 403, 40301, "DESCRIBE")
	p.refused(keyNoRight, "POST", a+"/acls", good, 403, 40301, "ALTER")
	p.refused(keyNoRight, "DELETE", a+"/acls?resource_type=ANY&pattern_type=ANY&operation=ANY&permission=ANY", "", 403, 40301, "ALTER")
	p.refused(keyA, "GET", a+"/acls?operation=DREAM", "", 400, 40002, "DREAM")
	p.refused(keyA, "DELETE", a+"/acls?resource_type=TOPIC&pattern_type=ANY&operation=ANY", "", 400, 40002, "permission")
	p.refused(keyA, "POST", a+"/acls", `{"resource_type":"TOPIC"}`, 400, 40002, "pattern type")
	p.refused(keyA, "POST", a+"/acls", `{"resource_type":"DREAM"}`, 400, 40002, "DREAM")
	p.refused(keyA, "POST", a+"/acls:batch", `{"data":[]}`, 400, 40002, "1 to 1000")
	p.refused(keyA, "POST", a+"/acls:batch", `{"data":[`+good+`,{"resource_type":"TOPIC"}]}`, 400, 40002, "ACL 1")
	if got := p.do(keyA, "GET", a+"/acls", "", 200); len(got["data"].([]any)) != 0 {
		t.Errorf("there are ACLs: %v", got)
	}
}
