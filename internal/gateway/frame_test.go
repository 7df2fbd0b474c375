package gateway

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// populate fills a request at random: arrays of up to three elements, some of them null, and tags nobody knows.
func populate(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(int8(r.IntN(256))))
	case reflect.Uint16:
		v.SetUint(uint64(r.IntN(1 << 16)))
	case reflect.Float64:
		v.SetFloat(r.Float64())
	case reflect.String:
		v.SetString("name of something"[:r.IntN(17)])
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(r.IntN(256)))
		}
	case reflect.Slice:
		if r.IntN(8) == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			if v.Type().Elem().Kind() == reflect.Uint8 {
				v.Index(i).SetUint(uint64(r.IntN(256)))
				continue
			}
			populate(r, v.Index(i))
		}
	case reflect.Pointer:
		if r.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			populate(r, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if tags, ok := v.Field(i).Addr().Interface().(*kmsg.Tags); ok {
				for range r.IntN(3) {
					tags.Set(uint32(100+r.IntN(100)), []byte("tag"[:r.IntN(4)]))
				}
				continue
			}
			populate(r, v.Field(i))
		}
	}
}

// The shapes follow the protocol: every request that kmsg can encode is walked to its end, in every version that is
// offered, and none of its beginnings passes that kmsg would not decode.
func TestShapesFollowTheProtocol(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, h := range allHandlers() {
		for version := h.min; version <= h.max; version++ {
			for range 40 {
				request := kmsg.RequestForKey(h.key)
				if version > request.MaxVersion() {
					continue
				}
				populate(random, reflect.ValueOf(request).Elem())
				request.SetVersion(version)
				body := request.AppendTo(nil)
				if err := shapeError(h.key, version, body); err != nil {
					t.Fatalf("%s version %d: %v\n%+v", kmsg.NameForKey(h.key), version, err, request)
				}
				if len(body) == 0 {
					continue
				}
				cut := body[:random.IntN(len(body))]
				again := kmsg.RequestForKey(h.key)
				again.SetVersion(version)
				if passed, decoded := shapeError(h.key, version, cut) == nil, again.ReadFrom(cut) == nil; passed && !decoded {
					t.Fatalf("%s version %d: %d of %d bytes pass", kmsg.NameForKey(h.key), version, len(cut), len(body))
				}
			}
		}
	}
}

// A count of tagged fields that are not there costs nothing, wherever it stands.
func TestTagsThatAreNotThere(t *testing.T) {
	started := time.Now()
	for _, h := range allHandlers() {
		for version := h.min; version <= h.max; version++ {
			request := kmsg.RequestForKey(h.key)
			request.SetVersion(version)
			if !request.IsFlexible() {
				continue
			}
			body := request.AppendTo(nil)
			body = append(body[:len(body)-1], 0xff, 0xff, 0xff, 0xff, 0x0f)
			if shapeError(h.key, version, body) == nil {
				t.Errorf("%s version %d: four billion tags pass", kmsg.NameForKey(h.key), version)
			}
		}
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version = 15
	body := fetch.AppendTo(nil)
	// Tag 1, ReplicaState, of which the tags are four billion.
	body = append(body[:len(body)-1], 1, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)
	if shapeError(1, 15, body) == nil {
		t.Error("tags inside of a tag pass")
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("looking took %s: something counted them", took)
	}
}

func TestTooManyElements(t *testing.T) {
	request := kmsg.NewPtrDeleteGroupsRequest()
	request.Version, request.Groups = 2, make([]string, maxElements+1)
	if err := shapeError(42, 2, request.AppendTo(nil)); err == nil || err.Error() != fmt.Sprintf("it has more than %d elements", maxElements) {
		t.Errorf("%v", err)
	}
	request.Groups = request.Groups[:maxElements]
	if err := shapeError(42, 2, request.AppendTo(nil)); err != nil {
		t.Error(err)
	}
}

// FuzzRequest feeds what comes after the fixed header of a request through the steps before its handler: nothing
// may panic, and what passes checkShape is decoded with as many allocations as its size allows.
func FuzzRequest(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, h := range allHandlers() {
		for version := h.min; version <= h.max; version++ {
			request := kmsg.RequestForKey(h.key)
			populate(random, reflect.ValueOf(request).Elem())
			request.SetVersion(version)
			frame := appendRequest(nil, request, 1, "client")
			f.Add(h.key, version, frame[sizeBytes+fixedHeaderBytes:])
		}
	}
	f.Add(int16(18), int16(3), []byte{0xff, 0xff, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(int16(0), int16(9), []byte{0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	offered := map[int16]handler{}
	for _, h := range allHandlers() {
		offered[h.key] = h
	}
	f.Fuzz(func(t *testing.T, key, version int16, rest []byte) {
		h, ok := offered[key]
		if !ok || version < h.min || version > h.max {
			return
		}
		request := kmsg.RequestForKey(key)
		request.SetVersion(version)
		_, body, err := parseRest(rest, request.IsFlexible())
		if err != nil || shapeError(key, version, body) != nil {
			return
		}
		if allocated := testing.AllocsPerRun(1, func() { err = request.ReadFrom(body) }); allocated > float64(4*len(body)+40) {
			t.Errorf("%g allocations for %d bytes", allocated, len(body))
		}
		if err == nil {
			appendRequest(nil, request, 1, "client")
		}
	})
}

func TestBuffersAreUsedAgain(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 1 << 20, 1<<22 + 1} {
		b := newBuffer(size)
		if len(b.bytes) != size {
			t.Fatalf("%d bytes, want %d", len(b.bytes), size)
		}
		b.bytes = append(b.bytes, make([]byte, 3000)...)
		b.release()
		again := newBuffer(size)
		if len(again.bytes) != size {
			t.Fatalf("again: %d bytes, want %d", len(again.bytes), size)
		}
	}
	(*buffer)(nil).release()
}

// shapeError is what checkShape has against a body.
func shapeError(key, version int16, body []byte) error {
	_, err := checkShape(key, version, body)
	return err
}
