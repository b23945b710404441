//go:build !linux && !windows

package config

import "context"

// watchFile calls changed after each change of the file, from this goroutine, until ctx ends. This system's own
// notifications are not used: the file is looked at every two seconds.
func watchFile(ctx context.Context, path string, changed func()) { poll(ctx, path, changed) }
