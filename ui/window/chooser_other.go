//go:build !((linux || freebsd || openbsd || netbsd) && !android)

package window

import "context"

// choosePlace knows no dialog of the desktop here.
func choosePlace(context.Context, string, string, string, string) (string, error) {
	return "", errNoChooser
}
