package kafka_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link"
	"github.com/orrery-kafka/orrery/internal/link/kafka"
	"github.com/orrery-kafka/orrery/internal/poll"
)

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
	poll.Until(t, fmt.Sprint("generation ", number), func() bool {
		got, err := end.Receive(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			switch {
			case m.Generation.Number == number:
				return true
			case m.Generation.Number > number:
				t.Fatalf("received generation %d; waited for %d", m.Generation.Number, number)
			}
		}
		return false
	})
}

func caughtUp(t *testing.T, end *kafka.Link) {
	t.Helper()
	poll.Until(t, "being caught up", func() bool {
		if end.CaughtUp() {
			return true
		}
		if _, err := end.Receive(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		return false
	})
}

// next returns the number of the next generation that is received.
func next(t *testing.T, end *kafka.Link) int64 {
	t.Helper()
	var got []link.Message
	poll.Until(t, "the next generation", func() bool {
		var err error
		if got, err = end.Receive(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	return got[0].Generation.Number
}

func isFenced(err error) bool { return errors.Is(err, link.ErrFenced) }
