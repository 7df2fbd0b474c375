package kafka_test

import (
	"errors"
	"testing"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/kafka"
)

const patience = 30 * time.Second

func psc(number int64) link.Message {
	return link.Message{Kind: "psc", ID: "pkc-1", Generation: orrery.Generation{Number: number}}
}

func send(t *testing.T, end *kafka.Link, number int64) {
	t.Helper()
	if err := end.Send(t.Context(), "sat-1", []link.Message{psc(number)}); err != nil {
		t.Fatal(err)
	}
}

// await receives until the generation with that number came, and fails at one that is higher.
func await(t *testing.T, end *kafka.Link, number int64) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got, err := end.Receive(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			switch {
			case m.Generation.Number == number:
				return
			case m.Generation.Number > number:
				t.Fatalf("received generation %d; waited for %d", m.Generation.Number, number)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for generation %d", patience, number)
		}
	}
}

func caughtUp(t *testing.T, end *kafka.Link) {
	t.Helper()
	for deadline := time.Now().Add(patience); !end.CaughtUp(); time.Sleep(time.Millisecond) {
		if _, err := end.Receive(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s to be caught up", patience)
		}
	}
}

// next returns the number of the next generation that is received.
func next(t *testing.T, end *kafka.Link) int64 {
	t.Helper()
	var got []link.Message
	eventually(t, func() bool {
		var err error
		if got, err = end.Receive(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	return got[0].Generation.Number
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s", patience)
		}
	}
}

func isFenced(err error) bool { return errors.Is(err, link.ErrFenced) }
