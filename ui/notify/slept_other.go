//go:build !linux && !windows

package notify

import "time"

// sleptFor cannot tell here.
func sleptFor() time.Duration { return 0 }
