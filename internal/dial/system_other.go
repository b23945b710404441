//go:build !windows

package dial

import "context"

// thisSystem: elsewhere the environment alone says what the system's way is.
var thisSystem *systemProxies

// watchSettings has nothing to watch.
func watchSettings(context.Context, func()) {}
