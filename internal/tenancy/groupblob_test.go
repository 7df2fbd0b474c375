package tenancy

import (
	"bytes"
	"encoding/hex"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery"
)

const blobTenant = Prefix("lkc-abc123_")

func subscription(version int16, names ...string) *kmsg.ConsumerMemberMetadata {
	m := kmsg.NewConsumerMemberMetadata()
	m.Version = version
	m.Topics = names
	m.UserData = []byte("user data with a topic's name: orders")
	if version >= 1 {
		for i, name := range names {
			m.OwnedPartitions = append(m.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: name, Partitions: []int32{int32(i), 7}})
		}
	}
	if version >= 2 {
		m.Generation = 42
	}
	if version >= 3 {
		m.Rack = kmsg.StringPtr("rack-1")
	}
	return &m
}

func TestSubscription(t *testing.T) {
	for version := int16(0); version <= 3; version++ {
		logical := subscription(version, "orders", "payments").AppendTo(nil)
		physical, err := blobTenant.PhysicalSubscription(logical)
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		want := subscription(version, "lkc-abc123_orders", "lkc-abc123_payments").AppendTo(nil)
		if diff := cmp.Diff(want, physical); diff != "" {
			t.Errorf("version %d (-want +got):\n%s", version, diff)
		}
		back, err := blobTenant.LogicalSubscription(physical)
		if err != nil || !bytes.Equal(back, logical) {
			t.Errorf("version %d came back as %x (%v), not %x", version, back, err, logical)
		}
	}
}

func TestSubscriptionOddities(t *testing.T) {
	whole := subscription(1, "orders").AppendTo(nil)
	for name, blob := range map[string][]byte{
		"empty":                          {},
		"newer version, trailing fields": append(func() []byte { b := subscription(3, "orders").AppendTo(nil); b[1] = 9; return b }(), "whatever comes next"...),
		"null arrays and user data":      unhex("0003" + "ffffffff" + "ffffffff" + "ffffffff" + "ffffffff" + "ffff"),
		"no topics":                      subscription(2).AppendTo(nil),
		"ends after user data":           append([]byte{0, 1}, subscription(0, "orders").AppendTo(nil)[2:]...),
	} {
		physical, err := blobTenant.PhysicalSubscription(blob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if back, err := blobTenant.LogicalSubscription(physical); err != nil || !bytes.Equal(back, blob) {
			t.Errorf("%s: came back as %x (%v), not %x", name, back, err, blob)
		}
	}
	for name, blob := range map[string][]byte{
		"one byte":               {0},
		"no topics' count":       {0, 0},
		"cut in a name":          whole[:9],
		"cut in owned":           whole[:len(whole)-1],
		"a count of two billion": unhex("0000" + "7fffffff"),
		"a count of minus two":   unhex("0000" + "fffffffe"),
		"a negative name":        unhex("0000" + "00000001" + "fffe"),
		"a negative version":     unhex("ffff" + "00000000" + "ffffffff"),
	} {
		if out, err := blobTenant.PhysicalSubscription(blob); orrery.ErrorCode(err) != orrery.Invalid {
			t.Errorf("%s: %x, %v", name, out, err)
		}
	}
	if _, err := blobTenant.LogicalSubscription(subscription(1, "lkc-abc123_orders", "lkc-zzz999_orders").AppendTo(nil)); err == nil {
		t.Error("another tenant's topic came through")
	}
	if _, err := blobTenant.PhysicalSubscription(subscription(0, strings.Repeat("x", maxString)).AppendTo(nil)); err == nil {
		t.Error("a name that outgrows the protocol was written")
	}
}

func TestAssignment(t *testing.T) {
	make := func(version int16, names ...string) []byte {
		a := kmsg.NewConsumerMemberAssignment()
		a.Version = version
		for i, name := range names {
			a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: name, Partitions: []int32{0, int32(i)}})
		}
		a.UserData = []byte{1, 2, 3}
		return a.AppendTo(nil)
	}
	for version := int16(0); version <= 4; version++ {
		logical := append(make(version, "orders", "payments"), "newer"...)
		physical, err := blobTenant.PhysicalAssignment(logical)
		if err != nil {
			t.Fatal(err)
		}
		if want := append(make(version, "lkc-abc123_orders", "lkc-abc123_payments"), "newer"...); !bytes.Equal(physical, want) {
			t.Errorf("version %d: %x, not %x", version, physical, want)
		}
		if back, err := blobTenant.LogicalAssignment(physical); err != nil || !bytes.Equal(back, logical) {
			t.Errorf("version %d came back as %x (%v), not %x", version, back, err, logical)
		}
	}
	if _, err := blobTenant.LogicalAssignment(make(0, "lkc-zzz999_orders")); err == nil {
		t.Error("another tenant's topic came through")
	}
	if _, err := blobTenant.PhysicalAssignment(unhex("0000" + "00000001" + "0001" + "61" + "40000000")); err == nil {
		t.Error("partitions that are not there were taken")
	}
}

func TestBlobRoundTripProperty(t *testing.T) {
	random := rand.New(rand.NewSource(7))
	for range 2000 {
		m := subscription(int16(random.Intn(4)))
		for range random.Intn(5) {
			name := make([]byte, random.Intn(12))
			random.Read(name)
			m.Topics = append(m.Topics, string(name))
		}
		m.UserData = make([]byte, random.Intn(20))
		random.Read(m.UserData)
		logical := m.AppendTo(nil)
		physical, err := blobTenant.PhysicalSubscription(logical)
		if err != nil {
			t.Fatalf("%x: %v", logical, err)
		}
		if back, err := blobTenant.LogicalSubscription(physical); err != nil || !bytes.Equal(back, logical) {
			t.Fatalf("%x came back as %x (%v)", logical, back, err)
		}
	}
}

func FuzzBlob(f *testing.F) {
	for version := int16(0); version <= 3; version++ {
		f.Add(subscription(version, "orders", "payments").AppendTo(nil))
	}
	f.Add(unhex("0000" + "7fffffff"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		for _, way := range []struct{ out, in func([]byte) ([]byte, error) }{
			{blobTenant.PhysicalSubscription, blobTenant.LogicalSubscription},
			{blobTenant.PhysicalAssignment, blobTenant.LogicalAssignment},
		} {
			physical, err := way.out(blob)
			if err != nil {
				continue
			}
			if len(physical) > len(blob)*(len(blobTenant)+1) {
				t.Errorf("%d bytes became %d", len(blob), len(physical))
			}
			if back, err := way.in(physical); err != nil || !bytes.Equal(back, blob) {
				t.Errorf("%x came back as %x (%v)", blob, back, err)
			}
			way.in(blob)
		}
	})
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
