package poll

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a test that keeps what it fails with.
type failing struct {
	testing.TB
	with string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, arguments ...any) {
	f.with = fmt.Sprintf(format, arguments...)
	runtime.Goexit()
}

func TestSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		began := time.Now()
		Success(t, func() error {
			if attempts++; attempts < 4 {
				return errors.New("not yet")
			}
			return nil
		})
		if attempts != 4 || time.Since(began) != 3*interval {
			t.Errorf("%d attempts in %s", attempts, time.Since(began))
		}
	})
}

func TestFailure(t *testing.T) {
	for want, wait := range map[string]func(testing.TB){
		"after 1m0s: the broker is away": func(t testing.TB) { Success(t, func() error { return errors.New("the broker is away") }) },
		"after 1m0s: waited for rain":    func(t testing.TB) { Until(t, "rain", func() bool { return false }) },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &failing{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				wait(f)
			}()
			<-ended
			if f.with != want {
				t.Errorf("it failed with %q, want %q", f.with, want)
			}
		})
	}
}
