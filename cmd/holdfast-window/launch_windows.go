package main

import (
	"fmt"
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

const noOpenGL = "error.no-opengl.windows"

// tell says it to the resident, which writes it down, and shows it to the person: whoever clicked on an icon reads neither.
func tell(text string) {
	fmt.Fprintln(os.Stderr, "holdfast-window: "+text)
	launch.Tell(text)
}
