package gateway

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kmsg decodes what it is given. It takes the lengths of arrays as they come, so a few bytes can make it reserve
// much memory, and it counts tagged fields down to zero even where there are none left, so five bytes can cost it
// a minute. So every request is first walked with the shape of its version: a list of what comes one after
// another, which is taken from kmsg's own types. What the walk lets pass is no larger than it says.

// maxElements bounds the array elements of one request, all arrays together.
const maxElements = 1 << 20

// field is one thing on the wire.
type field struct {
	kind   fieldKind
	size   int    // of fixed
	fields *shape // of array elements that are structs, and of structs
}

type fieldKind uint8

const (
	fixed       fieldKind = iota // size bytes
	text                         // string: 16-bit or compact length
	blob                         // bytes: 32-bit or compact length
	arrayFixed                   // of elements of size bytes
	arrayText                    // of strings
	arrayStruct                  // of fields
	inner                        // a struct
	nullable                     // a struct behind a byte that is -1 where there is none
)

// shape is what a struct has on the wire in one version.
type shape struct {
	fields []field
	// tags is true where tagged fields end the struct; tagged are those of them that are structs.
	tags   bool
	tagged map[uint32]*shape
}

type shapeKey struct{ key, version int16 }

var shapes sync.Map // shapeKey -> *shape; made on first use, as many as there are versions

// checkShape walks the body of a request, and reports whether it has tagged fields, which few requests have.
func checkShape(key, version int16, body []byte) (tags bool, err error) {
	found, ok := shapes.Load(shapeKey{key, version})
	if !ok {
		made, err := shapeOf(key, version)
		if err != nil {
			return false, err
		}
		found, _ = shapes.LoadOrStore(shapeKey{key, version}, made)
	}
	s := found.(*shape)
	w := walk{Reader: kbin.Reader{Src: body}, flexible: s.tags, elements: maxElements}
	w.structure(s)
	switch {
	case w.elements < 0:
		return false, fmt.Errorf("it has more than %d elements", maxElements)
	case !w.Ok():
		return false, errors.New("its body is cut short")
	}
	return w.tags, nil
}

// dropUnknownTags takes out the tagged fields that kmsg does not know. A broker may know them, and none of what they
// say was translated.
func dropUnknownTags(request kmsg.Request) { dropTags(reflect.ValueOf(request).Elem()) }

func dropTags(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Type() == tagsType {
			f.SetZero()
			continue
		}
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		switch {
		case f.Kind() == reflect.Struct:
			dropTags(f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				dropTags(f.Index(j))
			}
		}
	}
}

// walk reads over a body.
type walk struct {
	kbin.Reader
	flexible bool
	elements int // that may still come
	tags     bool
}

func (w *walk) structure(s *shape) {
	for i := range s.fields {
		w.field(&s.fields[i])
	}
	if !s.tags {
		return
	}
	for n := w.Uvarint(); n > 0 && w.Ok(); n-- {
		w.tags = true
		tag, value := w.Uvarint(), kbin.Reader{}
		value.Src = w.Span(int(w.Uvarint()))
		if known := s.tagged[tag]; known != nil && w.Ok() {
			in := walk{Reader: value, flexible: true, elements: w.elements}
			in.structure(known)
			if !in.Ok() {
				w.Span(len(w.Src) + 1) // fails the walk
			}
		}
	}
}

func (w *walk) field(f *field) {
	switch f.kind {
	case fixed:
		w.Span(f.size)
	case text:
		w.text()
	case blob:
		w.Span(w.length(false))
	case inner:
		w.structure(f.fields)
	case nullable:
		if w.Int8() != -1 {
			w.structure(f.fields)
		}
	default:
		w.array(f)
	}
}

func (w *walk) array(f *field) {
	n := w.length(false)
	if w.elements -= n; w.elements < 0 {
		w.Src = nil
		return
	}
	if f.kind == arrayFixed {
		w.Span(n * f.size)
		return
	}
	for ; n > 0 && w.Ok() && w.elements >= 0; n-- {
		if f.kind == arrayText {
			w.text()
		} else {
			w.structure(f.fields)
		}
	}
}

func (w *walk) text() { w.Span(w.length(true)) }

// length reads a length; null is 0. A short one has 16 bits where it is not compact.
func (w *walk) length(short bool) int {
	var n int
	switch {
	case w.flexible:
		n = int(w.Uvarint()) - 1
	case short:
		n = int(w.Int16())
	default:
		n = int(w.Int32())
	}
	return max(n, 0)
}

// taggedFields are the fields that a struct has among its tags. kmsg's types do not tell.
var taggedFields = map[reflect.Type]map[string]uint32{
	reflect.TypeFor[kmsg.FetchRequest]():               {"ClusterID": 0, "ReplicaState": 1},
	reflect.TypeFor[kmsg.FetchRequestTopicPartition](): {"ReplicaDirectoryID": 0, "HighWatermark": 1},
}

// shapeOf makes the shape of a request from kmsg's type of it: its fields in their order, those that the version
// has. Whether it has one is seen from whether a change to it changes what is encoded.
func shapeOf(key, version int16) (*shape, error) {
	p := prober{key: key, version: version}
	base := p.request()
	if base == nil {
		return nil, fmt.Errorf("API key %d is unknown", key)
	}
	p.flexible = base.IsFlexible()
	p.base = string(base.AppendTo(nil))
	return p.structure(reflect.TypeOf(base).Elem(), nil)
}

// prober makes one shape.
type prober struct {
	key, version int16
	flexible     bool
	base         string
}

// request returns a request in which every array has one element.
func (p *prober) request() kmsg.Request {
	request := kmsg.RequestForKey(p.key)
	if request == nil {
		return nil
	}
	fill(reflect.ValueOf(request).Elem())
	request.SetVersion(p.version)
	return request
}

var tagsType = reflect.TypeFor[kmsg.Tags]()

func fill(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case f.Type() == tagsType || !f.CanSet():
		case f.Kind() == reflect.Struct:
			fill(f)
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			if f.Type().Elem().Kind() == reflect.Struct {
				fill(f.Index(0))
			}
		case f.Kind() == reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			if f.Type().Elem().Kind() == reflect.Struct {
				fill(f.Elem())
			}
		}
	}
}

func (p *prober) structure(t reflect.Type, path []int) (*shape, error) {
	s := &shape{}
	for i := range t.NumField() {
		of := t.Field(i)
		at := append(path[:len(path):len(path)], i)
		if of.Type == tagsType {
			s.tags = p.flexible
			continue
		}
		tag, tagged := taggedFields[t][of.Name]
		if len(path) == 0 && of.Name == "Version" || !tagged && !p.present(at) {
			continue
		}
		f, err := p.field(of.Type, at)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), of.Name, err)
		}
		if !tagged {
			s.fields = append(s.fields, f)
		} else if f.kind == inner && p.flexible {
			if s.tagged == nil {
				s.tagged = map[uint32]*shape{}
			}
			s.tagged[tag] = f.fields
		}
	}
	return s, nil
}

func (p *prober) field(t reflect.Type, path []int) (field, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		switch t.Kind() {
		case reflect.String:
		case reflect.Struct:
			in, err := p.structure(t, path)
			return field{kind: nullable, fields: in}, err
		default:
			return field{}, fmt.Errorf("a pointer to %s", t)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return field{kind: text}, nil
	case reflect.Struct:
		in, err := p.structure(t, path)
		return field{kind: inner, fields: in}, err
	case reflect.Slice:
		switch of := t.Elem(); of.Kind() {
		case reflect.Uint8:
			return field{kind: blob}, nil
		case reflect.String:
			return field{kind: arrayText}, nil
		case reflect.Struct:
			in, err := p.structure(of, append(path[:len(path):len(path)], 0))
			return field{kind: arrayStruct, fields: in}, err
		default:
			return field{kind: arrayFixed, size: int(of.Size())}, nil
		}
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Int64, reflect.Float64, reflect.Array:
		return field{kind: fixed, size: int(t.Size())}, nil
	}
	return field{}, fmt.Errorf("a field of type %s", t)
}

// present reports whether the version has the field at a path.
func (p *prober) present(path []int) bool {
	request := p.request()
	v := reflect.ValueOf(request).Elem()
	for _, i := range path {
		switch v.Kind() {
		case reflect.Slice:
			v = v.Index(i)
		case reflect.Pointer:
			v = v.Elem().Field(i)
		default:
			v = v.Field(i)
		}
	}
	change(v)
	return string(request.AppendTo(nil)) != p.base
}

func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint16:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Array:
		v.Index(0).SetUint(v.Index(0).Uint() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
	case reflect.Pointer:
		change(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).Type() != tagsType {
				change(v.Field(i))
			}
		}
	}
}
