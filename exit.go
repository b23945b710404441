package main

import (
	"errors"
	"fmt"
	"strings"

	"holdfast/netcheck"
)

// The exit statuses. Scripts rely on them; they are never renumbered.
const (
	exitOK         = 0
	exitError      = 1
	exitUsage      = 2
	exitNotRunning = 3
)

// hopStatus is the exit status of check for each hop that broke.
func hopStatus(h netcheck.Hop) int {
	switch h {
	case netcheck.HopLink:
		return 10
	case netcheck.HopGateway:
		return 11
	case netcheck.HopResolver:
		return 12
	case netcheck.HopProxy:
		return 13
	case netcheck.HopPath:
		return 14
	case netcheck.HopServer:
		return 15
	case netcheck.HopService:
		return 16
	}
	return exitError
}

const exitHelp = `Exit status:
   0  in order             10  this computer's link    14  the network beyond
   1  any other error      11  the gateway             15  the server
   2  wrong usage          12  the name look-up        16  the service
   3  Holdfast not running 13  the proxy
10 to 16 come from check, and name the hop that broke.`

// A usageError is a mistake on the command line: exit status 2, and a pointer to --help.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// A silentError ends the program with its status; what there was to say has been said.
type silentError int

func (e silentError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errNotRunning is returned by every command that needs a running Holdfast.
var errNotRunning = errors.New("Holdfast is not running; start it with: holdfast")

func statusOf(err error) int {
	var silent silentError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &silent):
		return int(silent)
	case errors.As(err, new(usageError)), strings.HasPrefix(err.Error(), "unknown "):
		return exitUsage
	case errors.Is(err, errNotRunning):
		return exitNotRunning
	}
	return exitError
}
