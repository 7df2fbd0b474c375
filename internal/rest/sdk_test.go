package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	apikeys "github.com/confluentinc/ccloud-sdk-go-v2/apikeys/v2"
	cmk "github.com/confluentinc/ccloud-sdk-go-v2/cmk/v2"
	iam "github.com/confluentinc/ccloud-sdk-go-v2/iam/v2"
	mds "github.com/confluentinc/ccloud-sdk-go-v2/mds/v2"
	org "github.com/confluentinc/ccloud-sdk-go-v2/org/v2"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/poll"
	"github.com/orrery-kafka/orrery/wire"
)

// The tests of this file drive the API with the public service's own Go SDK, unmodified.

// sdk is the SDK's clients, pointed at a platform.
type sdk struct {
	org  *org.APIClient
	cmk  *cmk.APIClient
	iam  *iam.APIClient
	keys *apikeys.APIClient
	mds  *mds.APIClient
	// authenticated, for each package
	orgContext, cmkContext, iamContext, keysContext, mdsContext context.Context
}

func newSDK(p *platform, c credentials) *sdk {
	s, ctx := &sdk{}, p.t.Context()
	orgConfig, cmkConfig, iamConfig, keysConfig, mdsConfig := org.NewConfiguration(), cmk.NewConfiguration(), iam.NewConfiguration(), apikeys.NewConfiguration(), mds.NewConfiguration()
	orgConfig.Servers[0].URL, cmkConfig.Servers[0].URL, iamConfig.Servers[0].URL = p.server.URL, p.server.URL, p.server.URL
	keysConfig.Servers[0].URL, mdsConfig.Servers[0].URL = p.server.URL, p.server.URL
	s.org, s.cmk, s.iam = org.NewAPIClient(orgConfig), cmk.NewAPIClient(cmkConfig), iam.NewAPIClient(iamConfig)
	s.keys, s.mds = apikeys.NewAPIClient(keysConfig), mds.NewAPIClient(mdsConfig)
	s.orgContext = context.WithValue(ctx, org.ContextBasicAuth, org.BasicAuth{UserName: c.key, Password: c.secret})
	s.cmkContext = context.WithValue(ctx, cmk.ContextBasicAuth, cmk.BasicAuth{UserName: c.key, Password: c.secret})
	s.iamContext = context.WithValue(ctx, iam.ContextBasicAuth, iam.BasicAuth{UserName: c.key, Password: c.secret})
	s.keysContext = context.WithValue(ctx, apikeys.ContextBasicAuth, apikeys.BasicAuth{UserName: c.key, Password: c.secret})
	s.mdsContext = context.WithValue(ctx, mds.ContextBasicAuth, mds.BasicAuth{UserName: c.key, Password: c.secret})
	return s
}

// sdkOK fails the test unless an SDK call had a status.
func sdkOK(t testing.TB, status int, response *http.Response, err error) {
	t.Helper()
	if err != nil {
		var body interface{ Body() []byte }
		if errors.As(err, &body) {
			t.Fatalf("%v: %s", err, body.Body())
		}
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("status %d, want %d", response.StatusCode, status)
	}
}

// sdkFails fails the test unless an SDK call failed with a status and a code.
func sdkFails(t *testing.T, status int, code string, response *http.Response, err error) {
	t.Helper()
	var body interface{ Body() []byte }
	if !errors.As(err, &body) || response == nil || response.StatusCode != status || !strings.Contains(string(body.Body()), `"code":"`+code+`"`) {
		t.Fatalf("got %v (%v), want status %d and code %s", err, response, status, code)
	}
}

// nextToken takes the token of the next page as clients do.
func nextToken(t *testing.T, next string) string {
	t.Helper()
	link, err := url.Parse(next)
	if err != nil || link.Scheme == "" {
		t.Fatalf("next is %q, not a full URL", next)
	}
	return link.Query().Get("page_token")
}

func TestSDKEnvironments(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	api := s.org.EnvironmentsOrgV2Api
	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		created, response, err := api.CreateOrgV2Environment(s.orgContext).OrgV2Environment(org.OrgV2Environment{DisplayName: new(name)}).Execute()
		sdkOK(t, 201, response, err)
		if created.GetDisplayName() != name || created.GetApiVersion() != "org/v2" || created.GetKind() != "Environment" {
			t.Fatalf("got %+v", created)
		}
		ids = append(ids, created.GetId())
	}
	got, response, err := api.GetOrgV2Environment(s.orgContext, ids[0]).Execute()
	sdkOK(t, 200, response, err)
	metadata := got.GetMetadata()
	if want := "crn://confluent.cloud/organization=" + p.first.Organization.ID + "/environment=" + ids[0]; metadata.GetResourceName() != want {
		t.Fatalf("resource_name is %q, want %q", metadata.GetResourceName(), want)
	}
	if metadata.GetSelf() != p.server.URL+"/org/v2/environments/"+ids[0] || metadata.GetCreatedAt().IsZero() || metadata.GetUpdatedAt().IsZero() || metadata.HasDeletedAt() {
		t.Fatalf("metadata is %+v", metadata)
	}

	var listed []string
	for token, pages := "", 0; ; pages++ {
		request := api.ListOrgV2Environments(s.orgContext).PageSize(3)
		if token != "" {
			request = request.PageToken(token)
		}
		page, response, err := request.Execute()
		sdkOK(t, 200, response, err)
		for _, e := range page.Data {
			listed = append(listed, e.GetId())
		}
		next, set := page.Metadata.GetNextOk()
		if !set || next == nil || *next == "" {
			if pages != 1 {
				t.Fatalf("%d pages of 3 for 4 environments", pages+1)
			}
			break
		}
		token = nextToken(t, *next)
	}
	if strings.Join(listed, " ") != strings.Join(append([]string{p.first.Environment.ID}, ids...), " ") {
		t.Fatalf("listed %v", listed)
	}

	updated, response, err := api.UpdateOrgV2Environment(s.orgContext, ids[0]).OrgV2Environment(org.OrgV2Environment{
		DisplayName: new("renamed"), StreamGovernanceConfig: &org.OrgV2StreamGovernanceConfig{Package: "ESSENTIALS"},
	}).Execute()
	sdkOK(t, 200, response, err)
	if governance := updated.GetStreamGovernanceConfig(); updated.GetDisplayName() != "renamed" || governance.GetPackage() != "ESSENTIALS" {
		t.Fatalf("got %+v", updated)
	}
	_, response, err = api.CreateOrgV2Environment(s.orgContext).OrgV2Environment(org.OrgV2Environment{DisplayName: new("two")}).Execute()
	sdkFails(t, 409, "conflict", response, err)
	response, err = api.DeleteOrgV2Environment(s.orgContext, ids[0]).Execute()
	sdkOK(t, 204, response, err)
	_, response, err = api.GetOrgV2Environment(s.orgContext, ids[0]).Execute()
	sdkFails(t, 404, "not_found", response, err)
}

func TestSDKOrganizations(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	page, response, err := s.org.OrganizationsOrgV2Api.ListOrgV2Organizations(s.orgContext).PageSize(99).Execute()
	sdkOK(t, 200, response, err)
	if len(page.Data) != 1 || page.Data[0].GetId() != p.first.Organization.ID {
		t.Fatalf("got %+v", page)
	}
	updated, response, err := s.org.OrganizationsOrgV2Api.UpdateOrgV2Organization(s.orgContext, p.first.Organization.ID).
		OrgV2Organization(org.OrgV2Organization{DisplayName: new("renamed")}).Execute()
	sdkOK(t, 200, response, err)
	if updated.GetDisplayName() != "renamed" {
		t.Fatalf("got %+v", updated)
	}
	_, response, err = s.org.OrganizationsOrgV2Api.UpdateOrgV2Organization(s.orgContext, p.first.Organization.ID).
		OrgV2Organization(org.OrgV2Organization{JitEnabled: new(true)}).Execute()
	sdkFails(t, 400, "unsupported_value", response, err)
}

func TestSDKClusters(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	api, environment := s.cmk.ClustersCmkV2Api, p.first.Environment.ID
	basic := cmk.CmkV2BasicAsCmkV2ClusterSpecConfigOneOf(&cmk.CmkV2Basic{Kind: "Basic"})
	created, response, err := api.CreateCmkV2Cluster(s.cmkContext).CmkV2Cluster(cmk.CmkV2Cluster{Spec: &cmk.CmkV2ClusterSpec{
		DisplayName: new("orders"), Availability: new("LOW"), Cloud: new("aws"), Region: new("us-east-1"), Config: &basic,
		Environment: &cmk.EnvScopedObjectReference{Id: environment, Related: "_", ResourceName: "-"},
		Network:     &cmk.EnvScopedObjectReference{Id: ""},
	}}).Execute()
	sdkOK(t, 202, response, err)
	id, status := created.GetId(), created.GetStatus()
	if status.GetPhase() != "PROVISIONING" || created.Spec.GetCloud() != "AWS" || created.Spec.GetAvailability() != "LOW" {
		t.Fatalf("got %+v %+v", created.Spec, created.Status)
	}
	got := p.sdkProvisioned(s, id)
	if got.Spec.Config.CmkV2Basic == nil || got.Spec.Environment.Id != environment || got.Spec.GetKafkaBootstrapEndpoint() != "SASL_SSL://127.0.0.1:19092" || got.Spec.GetHttpEndpoint() != "https://127.0.0.1:19093" {
		t.Fatalf("got %+v", got.Spec)
	}
	metadata := got.GetMetadata()
	if !strings.HasSuffix(metadata.GetResourceName(), "/environment="+environment+"/cloud-cluster="+id) {
		t.Fatalf("resource_name is %q", metadata.GetResourceName())
	}

	page, response, err := api.ListCmkV2Clusters(s.cmkContext).Environment(environment).PageSize(100).Execute()
	sdkOK(t, 200, response, err)
	if len(page.Data) != 1 || page.Data[0].GetId() != id {
		t.Fatalf("got %+v", page)
	}
	updated, response, err := api.UpdateCmkV2Cluster(s.cmkContext, id).CmkV2ClusterUpdate(cmk.CmkV2ClusterUpdate{Spec: &cmk.CmkV2ClusterSpecUpdate{
		DisplayName: new("payments"), Availability: new("SINGLE_ZONE"), Environment: &cmk.EnvScopedObjectReference{Id: environment},
		Config: &cmk.CmkV2ClusterSpecUpdateConfigOneOf{CmkV2Standard: &cmk.CmkV2Standard{Kind: "Standard"}},
	}}).Execute()
	sdkOK(t, 200, response, err)
	if updated.Spec.GetDisplayName() != "payments" || updated.Spec.Config.CmkV2Standard == nil || updated.Spec.GetRegion() != "us-east-1" {
		t.Fatalf("got %+v", updated.Spec)
	}
	_, response, err = api.UpdateCmkV2Cluster(s.cmkContext, id).CmkV2ClusterUpdate(cmk.CmkV2ClusterUpdate{Spec: &cmk.CmkV2ClusterSpecUpdate{
		Availability: new("MULTI_ZONE"), Environment: &cmk.EnvScopedObjectReference{Id: environment},
	}}).Execute()
	sdkFails(t, 400, "invalid", response, err)
	response, err = api.DeleteCmkV2Cluster(s.cmkContext, id).Environment(environment).Execute()
	sdkOK(t, 204, response, err)
	_, response, err = api.GetCmkV2Cluster(s.cmkContext, id).Environment(environment).Execute()
	sdkFails(t, 404, "not_found", response, err)
}

// sdkProvisioned polls a cluster as clients do, until it takes clients.
func (p *platform) sdkProvisioned(s *sdk, id string) (got cmk.CmkV2Cluster) {
	p.t.Helper()
	poll.Until(p.t, id+" to be PROVISIONED", func() bool {
		var err error
		var response *http.Response
		got, response, err = s.cmk.ClustersCmkV2Api.GetCmkV2Cluster(s.cmkContext, id).Environment(p.first.Environment.ID).Execute()
		sdkOK(p.t, 200, response, err)
		return got.Status.GetPhase() == "PROVISIONED"
	})
	return got
}

func TestSDKDedicatedAndRefusals(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	create := func(spec cmk.CmkV2ClusterSpec) (cmk.CmkV2Cluster, *http.Response, error) {
		spec.Cloud, spec.Region = new("AWS"), new("us-east-1")
		spec.Environment = &cmk.EnvScopedObjectReference{Id: p.first.Environment.ID}
		return s.cmk.ClustersCmkV2Api.CreateCmkV2Cluster(s.cmkContext).CmkV2Cluster(cmk.CmkV2Cluster{Spec: &spec}).Execute()
	}
	dedicated := cmk.CmkV2DedicatedAsCmkV2ClusterSpecConfigOneOf(&cmk.CmkV2Dedicated{Kind: "Dedicated", Cku: 2})
	created, response, err := create(cmk.CmkV2ClusterSpec{DisplayName: new("big"), Availability: new("MULTI_ZONE"), Config: &dedicated})
	sdkOK(t, 202, response, err)
	got := p.sdkProvisioned(s, created.GetId())
	if got.Status.GetCku() != 2 || got.Spec.Config.CmkV2Dedicated == nil || got.Spec.Config.CmkV2Dedicated.Cku != 2 || got.Spec.GetAvailability() != "MULTI_ZONE" {
		t.Fatalf("got %+v %+v", got.Spec, got.Status)
	}
	basic := cmk.CmkV2BasicAsCmkV2ClusterSpecConfigOneOf(&cmk.CmkV2Basic{Kind: "Basic"})
	_, response, err = create(cmk.CmkV2ClusterSpec{DisplayName: new("x"), Config: &basic, Network: &cmk.EnvScopedObjectReference{Id: "n-1"}})
	sdkFails(t, 400, "unsupported_value", response, err)
	_, response, err = create(cmk.CmkV2ClusterSpec{DisplayName: new("x"), Config: &basic, Byok: &cmk.GlobalObjectReference{Id: "cck-1"}})
	sdkFails(t, 400, "unsupported_value", response, err)
	for _, config := range []cmk.CmkV2Dedicated{
		{Kind: "Dedicated", Cku: 1, EncryptionKey: new("arn:aws:kms:1")},
		{Kind: "Dedicated", Cku: 1, Zones: &[]string{"use1-az1"}},
	} {
		oneOf := cmk.CmkV2DedicatedAsCmkV2ClusterSpecConfigOneOf(&config)
		_, response, err = create(cmk.CmkV2ClusterSpec{DisplayName: new("x"), Config: &oneOf})
		sdkFails(t, 400, "unsupported_value", response, err)
	}
	enterprise := cmk.CmkV2EnterpriseAsCmkV2ClusterSpecConfigOneOf(&cmk.CmkV2Enterprise{Kind: "Enterprise"})
	_, response, err = create(cmk.CmkV2ClusterSpec{DisplayName: new("x"), Config: &enterprise})
	sdkFails(t, 400, "unsupported_value", response, err)
	_, response, err = create(cmk.CmkV2ClusterSpec{DisplayName: new("big"), Config: &basic})
	sdkFails(t, 409, "conflict", response, err)

	protect := `{"spec":{"deletion_protection":true,"environment":{"id":"` + p.first.Environment.ID + `"}}}`
	p.send(p.admin, "PATCH", "/cmk/v2/clusters/"+created.GetId(), protect).want(t, 200, `"deletion_protection":true`)
	list := "/cmk/v2/clusters?environment=" + p.first.Environment.ID + "&spec.deletion_protection="
	p.send(p.admin, "GET", list+"true", "").want(t, 200, created.GetId())
	if r := p.send(p.admin, "GET", list+"false", "").want(t, 200); strings.Contains(r.body, created.GetId()) {
		t.Fatalf("the filter lets through %s", r.body)
	}
	response, err = s.cmk.ClustersCmkV2Api.DeleteCmkV2Cluster(s.cmkContext, created.GetId()).Environment(p.first.Environment.ID).Execute()
	sdkFails(t, 409, "conflict", response, err)
}

func TestSDKServiceAccountsAndUsers(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	api := s.iam.ServiceAccountsIamV2Api
	created, response, err := api.CreateIamV2ServiceAccount(s.iamContext).IamV2ServiceAccount(iam.IamV2ServiceAccount{DisplayName: new("app"), Description: new("the app")}).Execute()
	sdkOK(t, 201, response, err)
	if created.GetApiVersion() != "iam/v2" || created.GetKind() != "ServiceAccount" || created.GetDescription() != "the app" {
		t.Fatalf("got %+v", created)
	}
	updated, response, err := api.UpdateIamV2ServiceAccount(s.iamContext, created.GetId()).IamV2ServiceAccountUpdate(iam.IamV2ServiceAccountUpdate{Description: new("")}).Execute()
	sdkOK(t, 200, response, err)
	if updated.GetDescription() != "" || updated.GetDisplayName() != "app" {
		t.Fatalf("got %+v", updated)
	}
	page, response, err := api.ListIamV2ServiceAccounts(s.iamContext).PageSize(99).Execute()
	sdkOK(t, 200, response, err)
	if len(page.Data) != 1 {
		t.Fatalf("got %+v", page)
	}
	p.send(p.admin, "GET", "/iam/v2/service-accounts?display_name=app", "").want(t, 200, created.GetId())
	if r := p.send(p.admin, "GET", "/iam/v2/service-accounts?display_name=other", "").want(t, 200, `"data":[]`); strings.Contains(r.body, created.GetId()) {
		t.Fatalf("got %s", r.body)
	}
	_, response, err = api.CreateIamV2ServiceAccount(s.iamContext).IamV2ServiceAccount(iam.IamV2ServiceAccount{DisplayName: new("app")}).Execute()
	sdkFails(t, 409, "conflict", response, err)
	users, response, err := s.iam.UsersIamV2Api.ListIamV2Users(s.iamContext).Execute()
	sdkOK(t, 200, response, err)
	if len(users.Data) != 1 || users.Data[0].GetEmail() != "ada@example.com" || users.Data[0].GetApiVersion() != "iam/v2" {
		t.Fatalf("got %+v", users)
	}
	user, response, err := s.iam.UsersIamV2Api.GetIamV2User(s.iamContext, p.first.User.ID).Execute()
	sdkOK(t, 200, response, err)
	if user.GetFullName() != "Ada" {
		t.Fatalf("got %+v", user)
	}
	response, err = api.DeleteIamV2ServiceAccount(s.iamContext, created.GetId()).Execute()
	sdkOK(t, 204, response, err)
	_, response, err = api.GetIamV2ServiceAccount(s.iamContext, created.GetId()).Execute()
	sdkFails(t, 404, "not_found", response, err)
}

func TestSDKAPIKeys(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	api := s.keys.APIKeysIamV2Api
	cluster := p.cluster("c")
	account := p.send(p.admin, "POST", "/iam/v2/service-accounts", `{"display_name":"app"}`).want(t, 201).field(t, "id")
	create := func(spec apikeys.IamV2ApiKeySpec) apikeys.IamV2ApiKey {
		t.Helper()
		key, response, err := api.CreateIamV2ApiKey(s.keysContext).IamV2ApiKey(apikeys.IamV2ApiKey{Spec: &spec}).Execute()
		sdkOK(t, 202, response, err)
		if key.Spec.GetSecret() == "" {
			t.Fatalf("no secret in %+v", key)
		}
		return key
	}
	cloud := create(apikeys.IamV2ApiKeySpec{DisplayName: new("mine")})
	if cloud.Spec.Resource.GetKind() != "Cloud" || cloud.Spec.Owner.Id != p.first.User.ID || cloud.Spec.Owner.GetKind() != "User" || cloud.Spec.Owner.GetApiVersion() != "iam/v2" {
		t.Fatalf("got %+v", cloud.Spec)
	}
	other := newSDK(p, credentials{cloud.GetId(), cloud.Spec.GetSecret()})
	_, response, err := other.org.EnvironmentsOrgV2Api.ListOrgV2Environments(other.orgContext).Execute()
	sdkOK(t, 200, response, err)

	kafka := create(apikeys.IamV2ApiKeySpec{
		Owner:    &apikeys.ObjectReference{Id: account, Related: "_", ResourceName: "_"},
		Resource: &apikeys.ObjectReference{Id: cluster, Environment: new(p.first.Environment.ID), Related: "-", ResourceName: "-"},
	})
	if r := kafka.Spec.Resource; r.GetKind() != "Cluster" || r.GetApiVersion() != "cmk/v2" || r.Id != cluster || r.GetEnvironment() != p.first.Environment.ID || kafka.Spec.Owner.GetKind() != "ServiceAccount" {
		t.Fatalf("got %+v", kafka.Spec)
	}
	got, response, err := api.GetIamV2ApiKey(s.keysContext, kafka.GetId()).Execute()
	sdkOK(t, 200, response, err)
	if got.Spec.HasSecret() || got.GetKind() != "ApiKey" {
		t.Fatalf("got %+v", got)
	}
	for filter, want := range map[[2]string]string{{"", cluster}: kafka.GetId(), {account, ""}: kafka.GetId(), {p.first.User.ID, "cloud"}: p.admin.key + " " + cloud.GetId()} {
		page, response, err := api.ListIamV2ApiKeys(s.keysContext).SpecOwner(filter[0]).SpecResource(filter[1]).PageSize(100).Execute()
		sdkOK(t, 200, response, err)
		var ids []string
		for _, key := range page.Data {
			ids = append(ids, key.GetId())
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("filter %q lists %v, want %s", filter, ids, want)
		}
	}
	updated, response, err := api.UpdateIamV2ApiKey(s.keysContext, kafka.GetId()).IamV2ApiKeyUpdate(apikeys.IamV2ApiKeyUpdate{Spec: &apikeys.IamV2ApiKeySpecUpdate{Description: new("new")}}).Execute()
	sdkOK(t, 200, response, err)
	if updated.Spec.GetDescription() != "new" {
		t.Fatalf("got %+v", updated.Spec)
	}
	two := `{"spec":{"resources":[{"id":"` + cluster + `"},{"id":"lkc-other"}]}}`
	p.send(p.admin, "POST", "/iam/v2/api-keys", two).want(t, 400, `"code":"unsupported_value"`)
	p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{"resources":[{"id":"`+cluster+`"}]}}`).want(t, 202, `"kind":"Cluster"`)
	p.send(p.admin, "PATCH", "/iam/v2/api-keys/"+kafka.GetId(), `{"spec":{"owner":{"id":"u-other"}}}`).want(t, 400, "/spec/owner")
	p.send(p.admin, "PATCH", "/iam/v2/api-keys/"+kafka.GetId(), `{"spec":{"resource":{"id":"lkc-other"}}}`).want(t, 400, "/spec/resource")
	for _, key := range []apikeys.IamV2ApiKey{kafka, cloud} {
		response, err = api.DeleteIamV2ApiKey(s.keysContext, key.GetId()).Execute()
		sdkOK(t, 204, response, err)
		_, response, err = api.GetIamV2ApiKey(s.keysContext, key.GetId()).Execute()
		sdkFails(t, 404, "not_found", response, err)
	}
	_, response, err = other.org.EnvironmentsOrgV2Api.ListOrgV2Environments(other.orgContext).Execute()
	sdkFails(t, 401, "unauthenticated", response, err)
}

func TestSDKRoleBindings(t *testing.T) {
	p := newPlatform(t, nil)
	s := newSDK(p, p.admin)
	api := s.mds.RoleBindingsIamV2Api
	cluster := p.cluster("c")
	account := p.send(p.admin, "POST", "/iam/v2/service-accounts", `{"display_name":"app"}`).want(t, 201).field(t, "id")
	organization := "crn://confluent.cloud/organization=" + p.first.Organization.ID
	pattern := organization + "/environment=" + p.first.Environment.ID + "/cloud-cluster=" + cluster
	in := mds.IamV2RoleBinding{Principal: new("User:" + account), RoleName: new("CloudClusterAdmin"), CrnPattern: new(pattern)}
	created, response, err := api.CreateIamV2RoleBinding(s.mdsContext).IamV2RoleBinding(in).Execute()
	sdkOK(t, 201, response, err)
	if created.GetPrincipal() != in.GetPrincipal() || created.GetCrnPattern() != pattern || created.GetRoleName() != "CloudClusterAdmin" || created.GetKind() != "RoleBinding" {
		t.Fatalf("got %+v", created)
	}
	_, response, err = api.CreateIamV2RoleBinding(s.mdsContext).IamV2RoleBinding(in).Execute()
	sdkFails(t, 409, "conflict", response, err)
	for _, crn := range []string{pattern, organization + "/*"} {
		page, response, err := api.ListIamV2RoleBindings(s.mdsContext).CrnPattern(crn).Principal("User:" + account).RoleName("CloudClusterAdmin").PageSize(99).Execute()
		sdkOK(t, 200, response, err)
		if len(page.Data) != 1 || page.Data[0].GetId() != created.GetId() {
			t.Fatalf("%s lists %+v", crn, page)
		}
	}
	_, response, err = api.GetIamV2RoleBinding(s.mdsContext, created.GetId()).Execute()
	sdkOK(t, 200, response, err)
	response, err = api.DeleteIamV2RoleBinding(s.mdsContext, created.GetId()).Execute()
	sdkOK(t, 200, response, err)
	_, response, err = api.GetIamV2RoleBinding(s.mdsContext, created.GetId()).Execute()
	sdkFails(t, 404, "not_found", response, err)
	in.RoleName = new("DeveloperRead")
	_, response, err = api.CreateIamV2RoleBinding(s.mdsContext).IamV2RoleBinding(in).Execute()
	sdkFails(t, 400, "invalid", response, err)
}

// TestClient drives what the SDK does not have, with this repository's own client.
func TestClient(t *testing.T) {
	p := newPlatform(t, nil)
	ctx, c := t.Context(), p.client(p.admin)
	var progress []string
	created, err := c.CreateCluster(ctx, wire.Cluster{Spec: wire.ClusterSpec{
		DisplayName: "c", Cloud: "GCP", Region: "europe-west1", Config: wire.ClusterConfig{Kind: "Dedicated", CKU: 1}, Environment: &wire.Reference{ID: p.first.Environment.ID},
	}})
	p.must(err)
	cluster, err := c.WaitCluster(ctx, "", created.ID, func(now wire.LogicalCluster) {
		progress = append(progress, now.Status.Phase+" "+now.Status.State.Reason)
	})
	p.must(err)
	if cluster.Status.Phase != wire.PhaseProvisioned || cluster.Spec.HTTPEndpoint == "" || len(progress) == 0 || !strings.HasPrefix(progress[len(progress)-1], wire.PhaseProvisioned) {
		t.Fatalf("got %+v after %q", cluster, progress)
	}
	how, err := c.GetLogicalCluster(ctx, created.ID)
	p.must(err)
	if how.Status.PhysicalCluster == nil || how.Environment.ID != p.first.Environment.ID || len(how.Status.Conditions) != 1 || how.Status.MaxPartitions == 0 {
		t.Fatalf("got %+v", how)
	}
	quotas, err := c.GetLogicalClusterQuotas(ctx, created.ID)
	p.must(err)
	if len(quotas.Quotas) != len((orrery.Quotas{}).List()) || quotas.Quotas[0].Value != 60_000_000 || quotas.Quotas[0].Unit != "bytes/s" ||
		quotas.Quotas[0].Source != "kafka-1: Dedicated: 1 × 60000000, what one unit gives" || quotas.Quotas[6].Value != int64(how.Status.MaxPartitions) {
		t.Fatalf("got %+v", quotas)
	}
	decision, err := c.GetPlacementDecision(ctx, created.ID)
	p.must(err)
	if len(decision.Reasons) == 0 || decision.PhysicalCluster.ID != how.Status.PhysicalCluster.ID || decision.Satellite.ID != satelliteID || !decision.NewPhysicalCluster {
		t.Fatalf("got %+v", decision)
	}
	physical, err := c.GetPhysicalCluster(ctx, how.Status.PhysicalCluster.ID)
	p.must(err)
	if physical.Status.Ready != "True" || physical.Spec.Brokers != 3 || physical.Provenance["/brokers"] == "" || physical.LogicalClusters != 1 || physical.Satellite.ID != satelliteID ||
		physical.Status.PublishedGeneration != physical.Generation || len(physical.Status.Brokers) != 3 {
		t.Fatalf("got %+v", physical)
	}
	var satellite wire.Satellite
	poll.Until(t, "the satellite's conditions", func() bool { // which its monitor finds in its own time
		satellite, err = c.GetSatellite(ctx, satelliteID)
		p.must(err)
		return len(satellite.Status.Conditions) == 5
	})
	if satellite.Spec.Substrate != "inproc" || satellite.Status.Conditions[0].Type != orrery.ConditionReady {
		t.Fatalf("got %+v", satellite)
	}
	counts := map[string]int{}
	for _, err := range c.ListSatellites(ctx) {
		p.must(err)
		counts["satellites"]++
	}
	for _, err := range c.ListPhysicalClusters(ctx) {
		p.must(err)
		counts["physical clusters"]++
	}
	for _, err := range c.ListPlacementDecisions(ctx) {
		p.must(err)
		counts["decisions"]++
	}
	if counts["satellites"] != 1 || counts["physical clusters"] != 1 || counts["decisions"] != 1 {
		t.Fatalf("got %v", counts)
	}
}
