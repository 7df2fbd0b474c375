package rest

import (
	"reflect"
	"slices"
)

// route is one operation of the API: a row of the table from which the mux and the OpenAPI document are built.
type route struct {
	method, path string
	name         string // the operation's id in the OpenAPI document, such as "createEnvironment"
	summary      string
	query        []parameter
	status       int // of success
	operation
	secret bool // the answer holds one, so it is not kept for repetitions
}

// parameter is a query parameter that an operation understands. Every other one is refused, unless it is empty:
// an empty value means no filter.
type parameter struct {
	name     string
	meaning  string
	required bool
	integer  bool
}

// operation is what a route does, with the types of its body and answer; nil where it has none.
type operation struct {
	request, response reflect.Type
	run               func(*call) (any, error)
}

// none is the body of a request or answer that has none.
type none struct{}

// with makes an operation of a typed function. In is the body, strictly decoded; Out is the answer.
func with[In, Out any](f func(*call, In) (Out, error)) operation {
	o := operation{request: reflect.TypeFor[In](), response: reflect.TypeFor[Out]()}
	if o.response == reflect.TypeFor[none]() {
		o.response = nil
	}
	if o.request == reflect.TypeFor[none]() {
		o.request = nil
		o.run = func(c *call) (any, error) {
			var in In
			return f(c, in)
		}
		return o
	}
	o.run = func(c *call) (any, error) {
		in, err := decode[In](c.body)
		if err != nil {
			return nil, err
		}
		return f(c, in)
	}
	return o
}

// routes is the whole table.
func (s *server) routes() []route {
	return slices.Concat(
		s.organizationRoutes(),
		s.environmentRoutes(),
		s.clusterRoutes(),
		s.serviceAccountRoutes(),
		s.userRoutes(),
		s.apiKeyRoutes(),
		s.roleBindingRoutes(),
		s.identityProviderRoutes(),
		s.identityPoolRoutes(),
		s.certificateAuthorityRoutes(),
		s.certificatePoolRoutes(),
		s.rootAuthorityRoutes(),
		s.satelliteRoutes(),
		s.physicalClusterRoutes(),
		s.placementDecisionRoutes(),
		s.logicalClusterRoutes(),
		s.quotaRoutes(),
		s.usageRoutes(),
	)
}

// paged are the query parameters of a listing, after its own.
func paged(own ...parameter) []parameter {
	return append(own,
		parameter{name: "page_size", meaning: "How many objects a page has: 1 to 100, 10 where absent. More than 100 means 100.", integer: true},
		parameter{name: "page_token", meaning: "Which page: the page_token of the page before's metadata.next."},
	)
}
