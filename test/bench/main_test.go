package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"1GiB": 1 << 30, "256MiB": 256 << 20, "3KiB": 3 << 10, "7B": 7} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s is %d (%v)", text, s, err)
		}
	}
	for _, bad := range []string{"", "1", "GiB", "-1MiB", "0B", "1.5GiB", "1 GiB", "99999999999GiB", "1MB"} {
		var s size
		if err := s.Set(bad); err == nil {
			t.Errorf("%q is %d", bad, s)
		}
	}
}

func TestRequestResults(t *testing.T) {
	got := requestResults("goos: linux\nBenchmarkRequest/Produce_policy \t 5\t 2249 ns/op\t 827.2 cpu-ns/op\t 0 B/op\t 1 allocs/op\n" +
		"BenchmarkRequest/Produce_policy 5 1 ns/op 700 cpu-ns/op 0 B/op 0 allocs/op\nBenchmarkRequest/Produce_policy 5 1 ns/op 900 cpu-ns/op 0 B/op 0 allocs/op\nBenchmarkRequests/x 5 1 ns/op\nPASS\n")
	if runs := got["Produce_policy"]; len(got) != 1 || len(runs) != 3 || median(runs, "cpu-ns/op") != 827.2 || median(runs, "allocs/op") != 0 {
		t.Errorf("%v", got)
	}
}

func TestChoose(t *testing.T) {
	for only, want := range map[string]int{"": 5, "speed": 1, "hot,service": 2} {
		if got, err := choose(only); err != nil || len(got) != want {
			t.Errorf("%q chooses %d parts (%v)", only, len(got), err)
		}
	}
	if _, err := choose("sped"); err == nil {
		t.Error("a part that does not exist was chosen")
	}
}
