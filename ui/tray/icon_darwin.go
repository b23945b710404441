//go:build cgo

package tray

// trayIcon is the picture for the menu bar, which is 22 points high: twice that, for a sharp screen.
func trayIcon(sizes [][]byte) []byte { return sizes[4] }
