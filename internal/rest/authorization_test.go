package rest

import (
	"slices"
	"strings"
	"testing"
)

// attempt is how one route is tried by those who must not succeed. IDs in braces are replaced by the owner's.
type attempt struct {
	path string // with query; "" means the route's path with {id} replaced by object
	// object is the id that {id} stands for.
	object, body string
	// stranger and powerless are the statuses that an administrator of another organization, and a principal of
	// the owner's without a role, may get. A 200 or 201 among them is held to this: the answer has nothing of the
	// owner's, or, for the powerless, nothing but what it is itself.
	stranger, powerless []int
}

// attempts has one entry for each route; an operation that is missing fails the test. There is no list of
// exceptions.
var attempts = map[string]attempt{
	"listOrganizations":             {stranger: []int{200}, powerless: []int{200}},
	"getOrganization":               {object: "{organization}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateOrganization":            {object: "{organization}", body: `{"display_name":"stolen"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"listEnvironments":              {stranger: []int{200}, powerless: []int{200}},
	"createEnvironment":             {body: `{"display_name":"mine"}`, stranger: []int{201}, powerless: []int{403}},
	"getEnvironment":                {object: "{environment}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateEnvironment":             {object: "{environment}", body: `{"display_name":"stolen"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteEnvironment":             {object: "{environment}", stranger: []int{404}, powerless: []int{403, 404}},
	"listClusters":                  {path: "/cmk/v2/clusters?environment={environment}", stranger: []int{404}, powerless: []int{403, 404}},
	"createCluster":                 {body: `{"spec":{"display_name":"mine","cloud":"AWS","region":"r","config":{"kind":"Basic"},"environment":{"id":"{environment}"}}}`, stranger: []int{404}, powerless: []int{403, 404}},
	"getCluster":                    {path: "/cmk/v2/clusters/{cluster}?environment={environment}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateCluster":                 {object: "{cluster}", body: `{"spec":{"display_name":"stolen","environment":{"id":"{environment}"}}}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteCluster":                 {path: "/cmk/v2/clusters/{cluster}?environment={environment}", stranger: []int{404}, powerless: []int{403, 404}},
	"listServiceAccounts":           {stranger: []int{200}, powerless: []int{200}},
	"createServiceAccount":          {body: `{"display_name":"mine"}`, stranger: []int{201}, powerless: []int{403}},
	"getServiceAccount":             {object: "{account}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateServiceAccount":          {object: "{account}", body: `{"description":"stolen"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteServiceAccount":          {object: "{account}", stranger: []int{404}, powerless: []int{403, 404}},
	"listUsers":                     {stranger: []int{200}, powerless: []int{200}},
	"getUser":                       {object: "{user}", stranger: []int{404}, powerless: []int{403, 404}},
	"listApiKeys":                   {stranger: []int{200}, powerless: []int{200}},
	"createApiKey":                  {body: `{"spec":{"owner":{"id":"{account}"},"resource":{"id":"{cluster}"}}}`, stranger: []int{400, 404}, powerless: []int{403, 404}},
	"getApiKey":                     {object: "{key}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateApiKey":                  {object: "{key}", body: `{"spec":{"description":"stolen"}}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteApiKey":                  {object: "{key}", stranger: []int{404}, powerless: []int{403, 404}},
	"listRoleBindings":              {path: "/iam/v2/role-bindings?crn_pattern=crn://confluent.cloud/organization={organization}/*", stranger: []int{200, 403, 404}, powerless: []int{200}},
	"createRoleBinding":             {body: `{"principal":"User:{account}","role_name":"OrganizationAdmin","crn_pattern":"crn://confluent.cloud/organization={organization}"}`, stranger: []int{400, 403, 404}, powerless: []int{403, 404}},
	"getRoleBinding":                {object: "{binding}", stranger: []int{404}, powerless: []int{403, 404}},
	"deleteRoleBinding":             {object: "{binding}", stranger: []int{404}, powerless: []int{403, 404}},
	"listIdentityProviders":         {stranger: []int{200}, powerless: []int{200}},
	"createIdentityProvider":        {body: `{"display_name":"mine","issuer":"https://idp.example","jwks_uri":"https://idp.example/keys"}`, stranger: []int{201}, powerless: []int{403}},
	"getIdentityProvider":           {object: "{provider}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateIdentityProvider":        {object: "{provider}", body: `{"description":"stolen"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteIdentityProvider":        {object: "{provider}", stranger: []int{404}, powerless: []int{403, 404}},
	"listIdentityPools":             {path: "/iam/v2/identity-providers/{provider}/identity-pools", stranger: []int{404}, powerless: []int{403, 404}},
	"createIdentityPool":            {path: "/iam/v2/identity-providers/{provider}/identity-pools", body: `{"display_name":"mine","identity_claim":"sub","filter":"true"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"getIdentityPool":               {path: "/iam/v2/identity-providers/{provider}/identity-pools/{pool}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateIdentityPool":            {object: "{pool}", path: "/iam/v2/identity-providers/{provider}/identity-pools/{pool}", body: `{"filter":"true"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteIdentityPool":            {path: "/iam/v2/identity-providers/{provider}/identity-pools/{pool}", stranger: []int{404}, powerless: []int{403, 404}},
	"listCertificateAuthorities":    {stranger: []int{200}, powerless: []int{200}},
	"createCertificateAuthority":    {body: `{"display_name":"mine","certificate_chain":"{theirs}"}`, stranger: []int{201}, powerless: []int{403}},
	"getCertificateAuthority":       {object: "{authority}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateCertificateAuthority":    {object: "{authority}", body: `{"description":"stolen"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteCertificateAuthority":    {object: "{authority}", stranger: []int{404}, powerless: []int{403, 404}},
	"listCertificateIdentityPools":  {path: "/iam/v2/certificate-authorities/{authority}/identity-pools", stranger: []int{404}, powerless: []int{403, 404}},
	"createCertificateIdentityPool": {path: "/iam/v2/certificate-authorities/{authority}/identity-pools", body: `{"display_name":"mine","external_identifier":"CN","filter":"true"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"getCertificateIdentityPool":    {path: "/iam/v2/certificate-authorities/{authority}/identity-pools/{certificates}", stranger: []int{404}, powerless: []int{403, 404}},
	"updateCertificateIdentityPool": {path: "/iam/v2/certificate-authorities/{authority}/identity-pools/{certificates}", body: `{"filter":"true"}`, stranger: []int{404}, powerless: []int{403, 404}},
	"deleteCertificateIdentityPool": {path: "/iam/v2/certificate-authorities/{authority}/identity-pools/{certificates}", stranger: []int{404}, powerless: []int{403, 404}},
	"listSatellites":                {stranger: []int{403}, powerless: []int{403}},
	"createSatellite":               {body: `{"spec":{"cloud":"*","region":"*","engine":"embedded","substrate":"inproc"},"identity_request":"x","authority_request":"y"}`, stranger: []int{403}, powerless: []int{403}},
	"getSatellite":                  {object: satelliteID, stranger: []int{403, 404}, powerless: []int{403, 404}},
	"getRootAuthority":              {stranger: []int{403}, powerless: []int{403}},
	"updateRootAuthority":           {body: `{"step":"TRUST"}`, stranger: []int{403}, powerless: []int{403}},
	"listPhysicalClusters":          {stranger: []int{403}, powerless: []int{403}},
	"getPhysicalCluster":            {object: "{physical}", stranger: []int{403, 404}, powerless: []int{403, 404}},
	"updatePhysicalCluster":         {object: "{physical}", body: `{"spec":{"paused":true}}`, stranger: []int{403, 404}, powerless: []int{403, 404}},
	"listPlacementDecisions":        {stranger: []int{200}, powerless: []int{200, 403}},
	"getPlacementDecision":          {object: "{cluster}", stranger: []int{404}, powerless: []int{403, 404}},
	"getLogicalCluster":             {object: "{cluster}", stranger: []int{404}, powerless: []int{403, 404}},

	"getLogicalClusterUsage":  {object: "{cluster}", stranger: []int{404}, powerless: []int{403, 404}},
	"getLogicalClusterQuotas": {object: "{cluster}", stranger: []int{404}, powerless: []int{403, 404}},
}

// TestEveryEndpointIsGuarded tries every route as nobody, as an administrator of another organization and as a
// principal without a role, and then looks that the owner's things are as they were.
func TestEveryEndpointIsGuarded(t *testing.T) {
	p := newPlatform(t, nil)
	owned := p.ownedObjects()
	fill := strings.NewReplacer(append(slices.Clone(owned), "{theirs}", authorityPEM(t, "theirs"))...)
	_, stranger := p.stranger()
	powerless := p.principal(p.first.Organization.ID, "sa-powerless", "")
	before := p.everything(owned)
	for _, r := range (&server{}).routes() {
		try, ok := attempts[r.name]
		if !ok {
			t.Errorf("%s %s (%s) is not tried by those who must not succeed: add it to attempts", r.method, r.path, r.name)
			continue
		}
		path := try.path
		if path == "" {
			path = strings.ReplaceAll(r.path, "{id}", try.object)
		}
		path, body := fill.Replace(path), fill.Replace(try.body)
		nobody := p.send(credentials{}, r.method, path, body)
		if nobody.status != 401 || nobody.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s as nobody: status %d: %s", r.name, nobody.status, nobody.body)
		}
		for who, c := range map[string]struct {
			credentials
			may []int
		}{"a stranger": {stranger, try.stranger}, "the powerless": {powerless, try.powerless}} {
			got := p.send(c.credentials, r.method, path, body)
			if !slices.Contains(c.may, got.status) {
				t.Errorf("%s as %s: status %d, want one of %d: %s", r.name, who, got.status, c.may, got.body)
			}
			if got.status < 300 {
				p.tellsNothing(r.name+" as "+who, got, owned)
			}
		}
	}
	if after := p.everything(owned); after != before {
		t.Errorf("something changed:\nbefore %s\nafter  %s", before, after)
	}
	if len(attempts) != len((&server{}).routes()) {
		t.Errorf("%d attempts for %d routes: one of them has no route", len(attempts), len((&server{}).routes()))
	}
}

// ownedObjects makes one object of each kind and returns PLACEHOLDER, ID, PLACEHOLDER, ID, …
func (p *platform) ownedObjects() []string {
	p.t.Helper()
	cluster := p.cluster("owned")
	account := p.send(p.admin, "POST", "/iam/v2/service-accounts", `{"display_name":"owned"}`).want(p.t, 201).field(p.t, "id")
	key := p.send(p.admin, "POST", "/iam/v2/api-keys", `{"spec":{"owner":{"id":"`+account+`"},"resource":{"id":"`+cluster+`"}}}`).want(p.t, 202).field(p.t, "id")
	pattern := "crn://confluent.cloud/organization=" + p.first.Organization.ID + "/environment=" + p.first.Environment.ID + "/cloud-cluster=" + cluster
	binding := p.send(p.admin, "POST", "/iam/v2/role-bindings", `{"principal":"User:`+account+`","role_name":"CloudClusterAdmin","crn_pattern":"`+pattern+`"}`).want(p.t, 201).field(p.t, "id")
	provider := p.send(p.admin, "POST", "/iam/v2/identity-providers", `{"display_name":"owned","issuer":"https://idp.example","jwks_uri":"https://idp.example/keys"}`).want(p.t, 201).field(p.t, "id")
	pool := p.send(p.admin, "POST", "/iam/v2/identity-providers/"+provider+"/identity-pools", `{"display_name":"owned","identity_claim":"sub","filter":"false"}`).want(p.t, 201).field(p.t, "id")
	authority := p.send(p.admin, "POST", "/iam/v2/certificate-authorities", `{"display_name":"owned","certificate_chain":"`+authorityPEM(p.t, "owned")+`"}`).want(p.t, 201).field(p.t, "id")
	certificates := p.send(p.admin, "POST", "/iam/v2/certificate-authorities/"+authority+"/identity-pools", `{"display_name":"owned","external_identifier":"CN","filter":"false"}`).want(p.t, 201).field(p.t, "id")
	physical := p.send(p.admin, "GET", "/orrery/v1/physical-clusters", "").want(p.t, 200).field(p.t, "data.0.id")
	return []string{
		"{organization}", p.first.Organization.ID, "{environment}", p.first.Environment.ID, "{user}", p.first.User.ID,
		"{cluster}", cluster, "{account}", account, "{key}", key, "{binding}", binding, "{physical}", physical,
		"{provider}", provider, "{pool}", pool, "{authority}", authority, "{certificates}", certificates,
	}
}

// tellsNothing fails the test where a successful answer names something of the owner's. The organization's id is
// no secret to its own principals, who are told it with what they are themselves.
func (p *platform) tellsNothing(what string, got reply, owned []string) {
	p.t.Helper()
	for i := 0; i+1 < len(owned); i += 2 {
		if owned[i] == "{organization}" && (strings.Contains(what, "powerless") || strings.HasPrefix(what, "listRoleBindings")) {
			continue
		}
		if strings.Contains(got.body, owned[i+1]) {
			p.t.Errorf("%s is told %s: %s", what, owned[i], got.body)
		}
	}
}

// everything is the owner's objects as the owner sees them.
func (p *platform) everything(owned []string) string {
	p.t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/org/v2/organizations", "/org/v2/environments", "/cmk/v2/clusters?environment={environment}", "/iam/v2/service-accounts?display_name=owned",
		"/iam/v2/users", "/iam/v2/api-keys", "/iam/v2/role-bindings?crn_pattern=crn://confluent.cloud/organization={organization}/*",
		"/orrery/v1/placement-decisions", "/iam/v2/identity-providers", "/iam/v2/identity-providers/{provider}/identity-pools",
		"/iam/v2/certificate-authorities", "/iam/v2/certificate-authorities/{authority}/identity-pools",
	} {
		all.WriteString(p.send(p.admin, "GET", strings.NewReplacer(owned...).Replace(path), "").want(p.t, 200).body)
	}
	return all.String()
}
