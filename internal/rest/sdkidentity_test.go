package rest

import (
	"context"
	"testing"

	identity "github.com/confluentinc/ccloud-sdk-go-v2/identity-provider/v2"
	mds "github.com/confluentinc/ccloud-sdk-go-v2/mds/v2"
)

// TestSDKIdentity drives identity providers, their pools, and a role binding of a pool.
func TestSDKIdentity(t *testing.T) {
	p := newPlatform(t, nil)
	config := identity.NewConfiguration()
	config.Servers[0].URL = p.server.URL
	api := identity.NewAPIClient(config)
	ctx := context.WithValue(t.Context(), identity.ContextBasicAuth, identity.BasicAuth{UserName: p.admin.key, Password: p.admin.secret})
	cluster := p.cluster("c")

	in := identity.IamV2IdentityProvider{
		DisplayName: new("okta"), Description: new("ours"), Issuer: new("https://idp.example/oauth2"), JwksUri: new("https://idp.example/oauth2/keys"),
	}
	provider, response, err := api.IdentityProvidersIamV2Api.CreateIamV2IdentityProvider(ctx).IamV2IdentityProvider(in).Execute()
	sdkOK(t, 201, response, err)
	if provider.GetIssuer() != in.GetIssuer() || provider.GetJwksUri() != in.GetJwksUri() || provider.GetState() != "ENABLED" || provider.GetKind() != "IdentityProvider" {
		t.Fatalf("got %+v", provider)
	}
	_, response, err = api.IdentityProvidersIamV2Api.CreateIamV2IdentityProvider(ctx).IamV2IdentityProvider(in).Execute()
	sdkFails(t, 409, "conflict", response, err)
	provider, response, err = api.IdentityProvidersIamV2Api.UpdateIamV2IdentityProvider(ctx, provider.GetId()).
		IamV2IdentityProviderUpdate(identity.IamV2IdentityProviderUpdate{Description: new("theirs")}).Execute()
	sdkOK(t, 200, response, err)
	if provider.GetDescription() != "theirs" || provider.GetDisplayName() != "okta" {
		t.Fatalf("got %+v", provider)
	}
	p.send(p.admin, "PATCH", "/iam/v2/identity-providers/"+provider.GetId(), `{"issuer":"https://other.example"}`).want(t, 400, "/issuer")
	for _, bad := range []string{"http://idp.example/keys", "https://user@idp.example/keys", "https://idp.example/#keys", "/keys", "https:///keys", ""} {
		in.JwksUri, in.DisplayName = &bad, new("bad")
		_, response, err = api.IdentityProvidersIamV2Api.CreateIamV2IdentityProvider(ctx).IamV2IdentityProvider(in).Execute()
		sdkFails(t, 400, "invalid", response, err)
	}
	page, response, err := api.IdentityProvidersIamV2Api.ListIamV2IdentityProviders(ctx).PageSize(99).Execute()
	sdkOK(t, 200, response, err)
	if len(page.Data) != 1 || page.Data[0].GetId() != provider.GetId() {
		t.Fatalf("got %+v", page)
	}

	poolIn := identity.IamV2IdentityPool{
		DisplayName: new("apps"), Description: new("all of them"), IdentityClaim: new("claims.sub"), Filter: new(`claims.aud=="confluent" && claims.group!="invalid_group"`),
	}
	pool, response, err := api.IdentityPoolsIamV2Api.CreateIamV2IdentityPool(ctx, provider.GetId()).IamV2IdentityPool(poolIn).Execute()
	sdkOK(t, 201, response, err)
	if pool.GetPrincipal() != pool.GetId() || pool.GetFilter() != poolIn.GetFilter() || pool.GetIdentityClaim() != "claims.sub" || pool.GetState() != "ENABLED" {
		t.Fatalf("got %+v", pool)
	}
	poolIn.Filter, poolIn.DisplayName = new("claims.aud =="), new("bad")
	_, response, err = api.IdentityPoolsIamV2Api.CreateIamV2IdentityPool(ctx, provider.GetId()).IamV2IdentityPool(poolIn).Execute()
	sdkFails(t, 400, "invalid", response, err)
	pool.Filter = new(`"kafka" in claims.aud`)
	pool, response, err = api.IdentityPoolsIamV2Api.UpdateIamV2IdentityPool(ctx, provider.GetId(), pool.GetId()).IamV2IdentityPool(pool).Execute()
	sdkOK(t, 200, response, err)
	if pool.GetFilter() != `"kafka" in claims.aud` {
		t.Fatalf("got %+v", pool)
	}
	pools, response, err := api.IdentityPoolsIamV2Api.ListIamV2IdentityPools(ctx, provider.GetId()).Execute()
	sdkOK(t, 200, response, err)
	if len(pools.Data) != 1 || pools.Data[0].GetId() != pool.GetId() {
		t.Fatalf("got %+v", pools)
	}
	_, response, err = api.IdentityPoolsIamV2Api.GetIamV2IdentityPool(ctx, "op-other", pool.GetId()).Execute()
	sdkFails(t, 404, "not_found", response, err)

	s := newSDK(p, p.admin)
	binding, response, err := s.mds.RoleBindingsIamV2Api.CreateIamV2RoleBinding(s.mdsContext).IamV2RoleBinding(mds.IamV2RoleBinding{
		Principal: new("User:" + pool.GetId()), RoleName: new("CloudClusterAdmin"),
		CrnPattern: new("crn://confluent.cloud/organization=" + p.first.Organization.ID + "/environment=" + p.first.Environment.ID + "/cloud-cluster=" + cluster),
	}).Execute()
	sdkOK(t, 201, response, err)
	response, err = api.IdentityProvidersIamV2Api.DeleteIamV2IdentityProvider(ctx, provider.GetId()).Execute()
	sdkFails(t, 409, "conflict", response, err)
	response, err = api.IdentityPoolsIamV2Api.DeleteIamV2IdentityPool(ctx, provider.GetId(), pool.GetId()).Execute()
	sdkOK(t, 204, response, err)
	_, response, err = s.mds.RoleBindingsIamV2Api.GetIamV2RoleBinding(s.mdsContext, binding.GetId()).Execute()
	sdkFails(t, 404, "not_found", response, err)
	response, err = api.IdentityProvidersIamV2Api.DeleteIamV2IdentityProvider(ctx, provider.GetId()).Execute()
	sdkOK(t, 204, response, err)
	_, response, err = api.IdentityProvidersIamV2Api.GetIamV2IdentityProvider(ctx, provider.GetId()).Execute()
	sdkFails(t, 404, "not_found", response, err)
}
