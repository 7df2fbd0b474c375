package mem

import (
	"bytes"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// rowCache keeps a document as it was decoded, for most rows are read much more often than they are written. The
// row in it is never changed: who reads gets a copy.
type rowCache struct{ row atomic.Value }

// copied returns a copy of a row that shares nothing with it that could be changed.
func copied[T any](row T) T {
	if detach := detacher(reflect.TypeFor[T]()); detach != nil {
		detach(reflect.ValueOf(&row).Elem())
	}
	return row
}

// detaching replaces, in a value that was copied, what it shares with the original. nil: it shares nothing.
type detaching func(v reflect.Value)

var detachers sync.Map // reflect.Type -> detaching

func detacher(t reflect.Type) detaching {
	if known, ok := detachers.Load(t); ok {
		return known.(detaching)
	}
	made := newDetacher(t)
	detachers.Store(t, made)
	return made
}

func newDetacher(t reflect.Type) detaching {
	switch t.Kind() {
	case reflect.Struct:
		return structDetacher(t)
	case reflect.Slice:
		return sliceDetacher(t)
	case reflect.Map:
		return mapDetacher(t)
	case reflect.Pointer:
		return func(v reflect.Value) {
			if v.IsNil() {
				return
			}
			to := reflect.New(t.Elem())
			to.Elem().Set(v.Elem())
			v.Set(to)
			if detach := detacher(t.Elem()); detach != nil {
				detach(to.Elem())
			}
		}
	case reflect.Interface, reflect.Array, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		panic("mem: no row may hold a " + t.String())
	}
	return nil
}

// structDetacher takes what a struct does not export for what nobody changes, as in a time.
func structDetacher(t reflect.Type) detaching {
	if t == reflect.TypeFor[time.Time]() {
		return nil
	}
	type part struct {
		index  int
		detach detaching
	}
	var parts []part
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		if detach := detacher(t.Field(i).Type); detach != nil {
			parts = append(parts, part{i, detach})
		}
	}
	if parts == nil {
		return nil
	}
	return func(v reflect.Value) {
		for _, p := range parts {
			p.detach(v.Field(p.index))
		}
	}
}

func sliceDetacher(t reflect.Type) detaching {
	if t.Elem().Kind() == reflect.Uint8 {
		return func(v reflect.Value) { v.SetBytes(bytes.Clone(v.Bytes())) }
	}
	element := detacher(t.Elem())
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		to := reflect.MakeSlice(t, v.Len(), v.Len())
		reflect.Copy(to, v)
		v.Set(to)
		for i := 0; element != nil && i < v.Len(); i++ {
			element(v.Index(i))
		}
	}
}

func mapDetacher(t reflect.Type) detaching {
	element := detacher(t.Elem())
	return func(v reflect.Value) {
		if v.IsNil() {
			return
		}
		to := reflect.MakeMapWithSize(t, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			value := reflect.New(t.Elem()).Elem()
			value.Set(entries.Value())
			if element != nil {
				element(value)
			}
			to.SetMapIndex(entries.Key(), value)
		}
		v.Set(to)
	}
}
