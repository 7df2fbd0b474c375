package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orrery-kafka/orrery"
)

// decode reads a body strictly: one JSON object, in UTF-8, without a field that T does not have. The Invalid
// error says where it is wrong.
func decode[T any](body []byte) (T, error) {
	var v T
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return v, orrery.Errorf(orrery.Invalid, "the request needs a JSON object as its body")
	case !utf8.Valid(body):
		return v, orrery.Errorf(orrery.Invalid, "the body is not valid UTF-8")
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, explain(body, err)
	}
	if trimmed[0] != '{' {
		return v, orrery.Errorf(orrery.Invalid, "the body must be a JSON object")
	}
	if pointer, unknown := unknownField(body, reflect.TypeFor[T](), ""); unknown {
		return v, orrery.InvalidField(pointer, "there is no field %s in this request", pointer)
	}
	return v, nil
}

// explain turns an error of encoding/json into one for the user.
func explain(body []byte, err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		line, column := position(body, syntax.Offset)
		return orrery.Errorf(orrery.Invalid, "the body is not valid JSON: %s, at line %d, column %d", syntax.Error(), line, column)
	}
	if mismatch := (*json.UnmarshalTypeError)(nil); errors.As(err, &mismatch) {
		if mismatch.Field == "" {
			return orrery.Errorf(orrery.Invalid, "the body must be a JSON object, not %s", article(mismatch.Value))
		}
		pointer := "/" + strings.ReplaceAll(mismatch.Field, ".", "/")
		return orrery.InvalidField(pointer, "%s must be %s, not %s", pointer, kindName(mismatch.Type), article(mismatch.Value))
	}
	return orrery.Errorf(orrery.Invalid, "the body cannot be understood: %s", err)
}

// position returns the line and column, from 1, of the byte before offset.
func position(body []byte, offset int64) (line, column int) {
	before := body[:min(max(offset-1, 0), int64(len(body)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, len(before) - bytes.LastIndexByte(before, '\n')
}

func article(value string) string {
	word, _, _ := strings.Cut(value, " ") // "number 1.5"
	switch word {
	case "object", "array":
		return "an " + word
	case "bool":
		return "a boolean"
	}
	return "a " + value
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// unknownField returns the JSON pointer of the first field, by name, of a valid document that type t does not
// have. Names count exactly, unlike in encoding/json, which ignores their case.
func unknownField(document []byte, t reflect.Type, pointer string) (string, bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
	case t.Kind() == reflect.Slice:
		var elements []json.RawMessage
		if json.Unmarshal(document, &elements) != nil {
			return "", false
		}
		for i, element := range elements {
			if p, unknown := unknownField(element, t.Elem(), pointer+"/"+strconv.Itoa(i)); unknown {
				return p, true
			}
		}
	case t.Kind() == reflect.Struct:
		var members map[string]json.RawMessage
		if json.Unmarshal(document, &members) != nil {
			return "", false
		}
		fields := fieldTypes(t)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			at := fmt.Sprintf("%s/%s", pointer, escape.Replace(name))
			field, ok := fields[name]
			if !ok {
				return at, true
			}
			if p, unknown := unknownField(members[name], field, at); unknown {
				return p, true
			}
		}
	}
	return "", false
}

// escape escapes a member's name in a JSON pointer (RFC 6901).
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// fieldTypes returns the types of a struct's fields by their names in JSON.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}
