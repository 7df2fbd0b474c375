package inproc

import "log/slog"

func recoverCompaction(dir string, logger *slog.Logger) error { return nil }
