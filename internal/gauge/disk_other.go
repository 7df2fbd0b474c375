//go:build !linux

package gauge

import "github.com/orrery-kafka/orrery/internal/health"

func disk(*health.System, string) {}
