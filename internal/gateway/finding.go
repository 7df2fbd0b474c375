package gateway

import (
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

// finding is what a response says about one thing that its request was about.
type finding struct {
	resourceType, name string // orrery.CRNTopic, … and the tenant's name; "" where the response does not say
	topicID            [16]byte
	code               int16
	message            string
}

// findingFields are where the structs of one type in a response have an finding.
type findingFields struct {
	code, message, name, id, configType int // fields; -1 is none
	resourceType                        string
	nested                              []nestedFindings
}

type nestedFindings struct {
	field int
	of    *findingFields
}

// findingTypes are the fields of each type of response that was seen; there are as many as there are responses.
var findingTypes sync.Map

func findingFieldsOf(t reflect.Type) *findingFields {
	if known, ok := findingTypes.Load(t); ok {
		return known.(*findingFields)
	}
	fields := searchFindings(t)
	findingTypes.Store(t, fields)
	return fields
}

// searchFindings returns nil for a type without findings.
func searchFindings(t reflect.Type) *findingFields {
	o := &findingFields{code: -1, message: -1, name: -1, id: -1, configType: -1}
	for i := range t.NumField() {
		field := t.Field(i)
		kind, isName := resourceNames[field.Name]
		switch text := field.Type.Kind() == reflect.String || field.Type == reflect.TypeFor[*string](); {
		case field.Name == "ErrorCode" && field.Type.Kind() == reflect.Int16:
			o.code = i
		case field.Name == "ErrorMessage" && field.Type == reflect.TypeFor[*string]():
			o.message = i
		case field.Name == "TopicID" && field.Type.Kind() == reflect.Array:
			o.id = i
		case field.Type == reflect.TypeFor[kmsg.ConfigResourceType]():
			o.configType = i
		case isName && text:
			o.name, o.resourceType = i, kind
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			if of := searchFindings(field.Type.Elem()); of != nil {
				o.nested = append(o.nested, nestedFindings{i, of})
			}
		}
	}
	if o.code < 0 && len(o.nested) == 0 {
		return nil
	}
	return o
}

// resourceNames are the fields that name what an finding is of.
var resourceNames = map[string]string{
	"Topic": orrery.CRNTopic, "Group": orrery.CRNGroup, "GroupID": orrery.CRNGroup, "CoordinatorKey": "", "Key": "",
	"TransactionalID": orrery.CRNTransactionalID, "TransactionID": orrery.CRNTransactionalID, "ResourceName": "",
}

// findingsIn calls visit for each finding in a response, also of what went well, until it returns false.
func findingsIn(response kmsg.Response, visit func(finding) bool) {
	v := reflect.ValueOf(response).Elem()
	if fields := findingFieldsOf(v.Type()); fields != nil {
		fields.visit(v, finding{}, visit)
	}
}

func (o *findingFields) visit(v reflect.Value, now finding, visit func(finding) bool) bool {
	if o.name >= 0 {
		if name := textOf(v.Field(o.name)); name != "" {
			now.name, now.resourceType = name, o.resourceType
		}
	}
	if o.id >= 0 {
		now.topicID = v.Field(o.id).Interface().([16]byte)
	}
	if o.configType >= 0 {
		now.resourceType = configResourceType(kmsg.ConfigResourceType(v.Field(o.configType).Int()))
	}
	if o.code >= 0 {
		now.code, now.message = int16(v.Field(o.code).Int()), ""
		if o.message >= 0 {
			now.message = textOf(v.Field(o.message))
		}
		if !visit(now) {
			return false
		}
	}
	for _, n := range o.nested {
		elements := v.Field(n.field)
		for i := range elements.Len() {
			if !n.of.visit(elements.Index(i), now, visit) {
				return false
			}
		}
	}
	return true
}

func configResourceType(t kmsg.ConfigResourceType) string {
	switch t {
	case kmsg.ConfigResourceTypeTopic:
		return orrery.CRNTopic
	case kmsg.ConfigResourceTypeGroupConfig:
		return orrery.CRNGroup
	}
	return orrery.CRNKafka
}

// textOf returns a string, or what a pointer to one points to.
func textOf(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	return v.String()
}

// namesIn returns what a request as a whole is about, of a resource type; "" where it does not say.
func namesIn(request kmsg.Request, resourceType string) string {
	v := reflect.ValueOf(request).Elem()
	for i := range v.NumField() {
		kind, known := resourceNames[v.Type().Field(i).Name]
		if field := v.Field(i); known && (kind == resourceType || kind == "") && (field.Kind() == reflect.String || field.Type() == reflect.TypeFor[*string]()) {
			return textOf(field)
		}
	}
	return ""
}
