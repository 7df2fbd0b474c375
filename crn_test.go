package orrery

import (
	"strings"
	"testing"
)

func TestParseCRN(t *testing.T) {
	const organization = "crn://confluent.cloud/organization=0b1c"
	for _, s := range []string{
		organization,
		organization + "/environment=env-abc123",
		organization + "/environment=env-abc123/cloud-cluster=lkc-abc123/kafka=lkc-abc123/topic=orders",
		organization + "/environment=env-abc123/cloud-cluster=lkc-abc123/kafka=lkc-abc123/group=a/b=c/d",
		organization + "/environment=*",
	} {
		c, err := ParseCRN(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if c.String() != s {
			t.Errorf("%s became %s", s, c)
		}
	}
	for _, s := range []string{
		"", "crn://", "crn://elsewhere/organization=1", organization + "/environment",
		"crn://confluent.cloud/organization=", "crn://confluent.cloud/environment=env-1", organization + "/" + strings.Repeat("x", 1100) + "=1",
	} {
		if c, err := ParseCRN(s); err == nil || ErrorCode(err) != Invalid {
			t.Errorf("%q: got %v, %v; want an Invalid error", s, c, err)
		}
	}
}

func TestCovers(t *testing.T) {
	const base = "crn://confluent.cloud/organization=o"
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{base, base, true},
		{base, base + "/environment=env-1", true},
		{base + "/environment=env-1", base, false},
		{base + "/environment=env-1", base + "/environment=env-1/cloud-cluster=lkc-1", true},
		{base + "/environment=env-1", base + "/environment=env-10", false},
		{base + "/environment=env-1*", base + "/environment=env-10", true},
		{base + "/environment=*", base + "/environment=env-10/cloud-cluster=lkc-1", true},
		{"crn://confluent.cloud/organization=p", base, false},
		{base + "/environment=env-1/cloud-cluster=lkc-1", base + "/environment=env-1/cloud-cluster=lkc-1/kafka=lkc-1/topic=t", true},
	} {
		pattern, err := ParseCRN(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		resource, err := ParseCRN(c.resource)
		if err != nil {
			t.Fatal(err)
		}
		if got := pattern.Covers(resource); got != c.want {
			t.Errorf("%s covers %s: %v, want %v", c.pattern, c.resource, got, c.want)
		}
	}
	if (CRN{}).Covers(OrganizationCRN("o")) {
		t.Error("the empty CRN covers something")
	}
}

func FuzzParseCRN(f *testing.F) {
	f.Add("crn://confluent.cloud/organization=o/environment=env-1/cloud-cluster=lkc-1/kafka=lkc-1/topic=a*")
	f.Add("crn://confluent.cloud/organization=o//=x")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCRN(s)
		if err != nil {
			if ErrorCode(err) != Invalid {
				t.Fatalf("%q: %v is not Invalid", s, err)
			}
			return
		}
		again, err := ParseCRN(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is not stable: %q, %v", s, again, err)
		}
		if !strings.Contains(c.String(), "*") && !c.Covers(c) {
			t.Fatalf("%q does not cover itself", s)
		}
	})
}
