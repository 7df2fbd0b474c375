package main

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	const rate = 5 * megabyte
	minute := int64(60 * rate)
	for name, c := range map[string]struct {
		bytes   int64
		took    time.Duration
		control float64
		exact   bool
		want    verdict
	}{
		"a minute, 1.3 % more":                   {minute * 1013 / 1000, time.Minute, 100 * rate, true, overQuota},
		"a minute, more on a slow machine":       {minute * 1013 / 1000, time.Minute, rate, true, overQuota},
		"a minute, a little more":                {minute * 1011 / 1000, time.Minute, 100 * rate, true, heldExactly},
		"a minute, a little less":                {minute * 981 / 1000, time.Minute, 100 * rate, true, heldExactly},
		"a minute, 2 % less":                     {minute * 979 / 1000, time.Minute, 2 * rate, true, underQuota},
		"a minute, 2 % less on a slow machine":   {minute * 979 / 1000, time.Minute, 1.2 * rate, true, cannot},
		"seconds, the burst and a request more":  {4*rate + rate/2 + megabyte, 4 * time.Second, 2 * rate, false, heldExactly},
		"seconds, more than that":                {4*rate + rate/2 + 2*megabyte, 4 * time.Second, 2 * rate, false, overQuota},
		"seconds, less than half":                {2*rate - 1, 4 * time.Second, 2 * rate, false, underQuota},
		"seconds, less than half, no control":    {2*rate - 1, 4 * time.Second, 0, false, unjudged},
		"seconds, half":                          {2 * rate, 4 * time.Second, 2 * rate, false, heldExactly},
		"seconds of a whole run, a slow machine": {2 * rate, 4 * time.Second, rate - 1, true, cannot},
	} {
		o := outcome{rate: rate, sample: sample{c.bytes, c.took}, control: c.control}
		if got := o.judge(c.exact); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
