package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3gen"

	"github.com/orrery-kafka/orrery/wire"
)

// Document returns the OpenAPI 3 document of the route table, as indented JSON: the same bytes at every call.
func Document() ([]byte, error) {
	d := &documenter{document: &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{
			Title:       "Orrery",
			Version:     "1",
			Description: "Kafka clusters, API keys and what belongs to them. org/v2, cmk/v2 and iam/v2 are wire-compatible with Confluent Cloud's API.",
		},
		Paths: openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: openapi3.Schemas{},
			SecuritySchemes: openapi3.SecuritySchemes{"cloud-api-key": &openapi3.SecuritySchemeRef{Value: &openapi3.SecurityScheme{
				Type: "http", Scheme: "basic", Description: "The id and the secret of a Cloud API key.",
			}}},
		},
		Security: openapi3.SecurityRequirements{{"cloud-api-key": {}}},
	}}
	failure, err := d.schema(reflect.TypeFor[wire.Failure]())
	if err != nil {
		return nil, err
	}
	for _, r := range (&server{}).routes() {
		operation, err := d.operation(r, failure)
		if err != nil {
			return nil, fmt.Errorf("documenting %s %s: %w", r.method, r.path, err)
		}
		d.document.AddOperation(r.path, r.method, operation)
	}
	out, err := json.MarshalIndent(d.document, "", "  ")
	return append(out, '\n'), err
}

// documenter collects the schemas that operations share.
type documenter struct{ document *openapi3.T }

func (d *documenter) operation(r route, failure *openapi3.SchemaRef) (*openapi3.Operation, error) {
	o := openapi3.NewOperation()
	o.OperationID, o.Summary = r.name, r.summary
	o.Tags = []string{strings.Join(strings.Split(r.path, "/")[1:3], "/")} // org/v2
	o.Responses = openapi3.NewResponsesWithCapacity(2)
	if strings.Contains(r.path, "{provider_id}") {
		o.AddParameter(openapi3.NewPathParameter("provider_id").WithSchema(openapi3.NewStringSchema()).WithDescription("The id of the identity provider or certificate authority."))
	}
	if strings.Contains(r.path, "{id}") {
		o.AddParameter(openapi3.NewPathParameter("id").WithSchema(openapi3.NewStringSchema()).WithDescription("The id of the object."))
	}
	for _, p := range r.query {
		schema := openapi3.NewStringSchema()
		if p.integer {
			schema = openapi3.NewIntegerSchema()
		}
		o.AddParameter(openapi3.NewQueryParameter(p.name).WithSchema(schema).WithDescription(p.meaning).WithRequired(p.required))
	}
	if r.method == http.MethodPost {
		o.AddParameter(openapi3.NewHeaderParameter("Idempotency-Key").WithSchema(openapi3.NewStringSchema().WithMaxLength(maxIdempotencyKey)).
			WithDescription("The same request with the same key, within ten minutes, creates nothing more and gets the same answer; but a secret is never shown twice."))
	}
	if r.request != nil {
		schema, err := d.schema(r.request)
		if err != nil {
			return nil, err
		}
		o.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).WithJSONSchemaRef(schema)}
	}
	success := openapi3.NewResponse().WithDescription(http.StatusText(r.status))
	if r.response != nil {
		schema, err := d.schema(r.response)
		if err != nil {
			return nil, err
		}
		success = success.WithJSONSchemaRef(schema)
	}
	o.Responses.Set(strconv.Itoa(r.status), &openapi3.ResponseRef{Value: success})
	o.Responses.Set("default", &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription("Every failure").WithJSONSchemaRef(failure)})
	return o, nil
}

// schema returns a reference to the schema of a type, which it adds to the components.
func (d *documenter) schema(t reflect.Type) (*openapi3.SchemaRef, error) {
	return openapi3gen.NewSchemaRefForValue(reflect.New(t).Elem().Interface(), d.document.Components.Schemas,
		openapi3gen.CreateComponentSchemas(openapi3gen.ExportComponentSchemasOptions{ExportComponentSchemas: true, ExportTopLevelSchema: true, ExportGenerics: true}),
		openapi3gen.CreateTypeNameGenerator(schemaName),
		openapi3gen.SchemaCustomizer(annotate),
	)
}

// schemaName names a schema after its type: List[…/wire.Cluster] is ClusterList.
func schemaName(t reflect.Type) string {
	name, argument, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	return strings.TrimPrefix(path.Ext(strings.TrimSuffix(argument, "]")), ".") + name
}

// annotate adds what the struct tags enum and access say.
func annotate(_ string, t reflect.Type, tag reflect.StructTag, schema *openapi3.Schema) error {
	if t.Kind() == reflect.Struct && t.NumField() > 0 && t.Name() != "Time" {
		return nil // a component is shared, so a field's tag must not change it
	}
	if values := tag.Get("enum"); values != "" {
		for _, value := range strings.Split(values, ",") {
			schema.Enum = append(schema.Enum, value)
		}
	}
	schema.ReadOnly = tag.Get("access") == "read-only"
	return nil
}
