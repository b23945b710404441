package main

import (
	"os"

	"holdfast/internal/launch"
	"holdfast/ui"
)

// launched starts the resident where a person, the Start menu or the login started this program: the window is the
// resident's child. Unlike holdfast.exe this program never gets a console. Arguments are handed on; without any the resident
// is to open the window. False: the resident itself has started this.
func launched() bool {
	if os.Getenv("HOLDFAST_SOCKET") != "" {
		return false
	}
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--window"}
	}
	if err := launch.Resident(args...); err != nil {
		launch.Tell(ui.LangHere(os.Getenv).Error(err.Error()))
		os.Exit(1)
	}
	return true
}
