package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/autostart"
	"holdfast/internal/control"
)

func (p *program) newAutostart() *cobra.Command {
	return &cobra.Command{
		Use:   "autostart [on|off|status]",
		Short: "Start Holdfast at login, or not",
		Long: "Autostart has the desktop start Holdfast at login: on writes holdfast.desktop into the folder autostart of the user's\n" +
			"configuration (XDG; on Windows a value into the user's list Run in the registry), off takes it away, status says which\n" +
			"holds. What other programs switch there is honoured. Started like this Holdfast opens no window by itself.",
		Args:      atMost(1),
		ValidArgs: []string{"on", "off", "status"},
		RunE: func(_ *cobra.Command, args []string) error {
			do := "status"
			if len(args) > 0 {
				do = args[0]
			}
			switch do {
			case "on", "off":
				if err := setAutostart(do == "on"); err != nil {
					return err
				}
			case "status":
			default:
				return usageError{fmt.Errorf("%q: expected on, off or status", do)}
			}
			s, err := autostart.Enabled()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, p.language("", p.getenv).Error(autostartWords(s)))
			return err
		},
	}
}

func autostartWords(s autostart.State) string {
	switch {
	case s.On:
		return "on: Holdfast starts at login (" + printable(s.File) + ")"
	case s.Why != "":
		return "off: " + printable(s.File) + " has no effect: " + printable(s.Why)
	}
	return "off: Holdfast does not start at login"
}

// setAutostart has this program started at login, or not.
func setAutostart(on bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return autostart.Set(on, atLoginProgram(self))
}

// atLogin makes "not on this system" what the control socket says of things that it has not.
func atLogin(err error) error {
	if errors.Is(err, autostart.ErrUnavailable) {
		return &control.Error{Status: 501, Code: control.CodeUnavailable, Msg: err.Error()}
	}
	return err
}
