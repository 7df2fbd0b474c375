package storetest

import (
	"encoding/json"
	"reflect"
	"time"
)

// fill returns a T in which every field has a value, so that nothing can get lost unnoticed: text is group, a time
// is at, a number is at's nanoseconds, a bool is whether group is "a".
func fill[T any](group string, at time.Time) T {
	var row T
	fillValue(reflect.ValueOf(&row).Elem(), group, at)
	return row
}

func fillValue(v reflect.Value, group string, at time.Time) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(at))
		return
	case reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`{"group":"` + group + `","html":"<&>","number":12345678901234567890.125}`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(group)
	case reflect.Bool:
		v.SetBool(group == "a")
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(at.Nanosecond()))
	case reflect.Uint8:
		v.SetUint(0xfe)
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i), group, at)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), group, at)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0), group, at)
		fillValue(v.Index(1), group, at)
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		fillValue(element, group, at)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(group).Convert(v.Type().Key()), element)
	default:
		panic("fill does not know " + v.Type().String())
	}
}
