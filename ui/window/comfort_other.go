//go:build !((linux || freebsd || openbsd || netbsd) && !android) && !windows

package window

import "context"

// watchComfort cannot tell here what the desktop says.
func watchComfort(context.Context, func(comfort)) {}
