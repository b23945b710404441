//go:build !linux && !windows

package notify

import (
	"context"
	"log/slog"
)

// watchSleep cannot tell here.
func watchSleep(context.Context, *slog.Logger, func(asleep bool)) {}
