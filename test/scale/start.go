package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orrery-kafka/orrery/internal/kafkatest"
	"github.com/orrery-kafka/orrery/test/bench/measured"
)

// starts measures how long a gateway takes to read its state.
func (b *bench) starts(ctx context.Context) (string, error) {
	var rows [][]string
	for _, tenants := range []int{1, b.state} {
		row, err := b.start(ctx, tenants)
		if err != nil {
			return "", err
		}
		rows = append(rows, row)
	}
	return "From the start of a gateway's process until it takes clients, on the embedded engine.\n\n" +
		measured.Table([]string{"state", "ready after", "CPU time", "the gateway's process"}, rows), nil
}

func (b *bench) start(ctx context.Context, tenants int) (row []string, err error) {
	const keys = 2
	w, err := b.openWorld(ctx, contents{engine: kafkatest.Embedded, tenants: tenants, keys: keys})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	used, err := w.gateway.usage(true)
	if err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("tenants: %d, API keys: %d, role bindings: %d", tenants, keys*tenants, tenants),
		w.gateway.Ready.Round(time.Millisecond).String(), w.gateway.CPU.Round(time.Millisecond).String(), used.String(),
	}, nil
}
