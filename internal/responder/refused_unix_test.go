//go:build !windows

package responder

import "syscall"

const errnoRefused = syscall.ECONNREFUSED
