//go:build !windows

package tray

// menuIcon is the picture of a menu line in the form that the system takes: PNG.
func menuIcon(png []byte) []byte { return png }
