package inproc

import "time"

type maintenance struct{}

func startMaintenance(e *engine, period time.Duration) *maintenance { return &maintenance{} }

func (m *maintenance) stop() {}
