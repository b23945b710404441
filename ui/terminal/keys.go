package terminal

import "bytes"

// A key is what the person asked for.
type key uint8

const (
	keyNone key = iota
	keyQuit
	keyReconnect
	keyPause
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyRedraw
)

// signalMeaning is what a signal asks of the view.
type signalMeaning uint8

const (
	signalRedraw signalMeaning = iota
	signalStop
	signalContinue
)

// sequences are what keys without a character send (xterm's ctlseqs, "PC-Style Function Keys", and vt220's).
var sequences = map[string]key{
	"\x1b[A": keyUp, "\x1bOA": keyUp, "\x1b[B": keyDown, "\x1bOB": keyDown,
	"\x1b[5~": keyPageUp, "\x1b[6~": keyPageDown,
}

// parseKeys reads what one Read of the terminal gave. What it does not know is passed over.
func parseKeys(b []byte) []key {
	var out []key
	for len(b) > 0 {
		k, n := keyNone, 1
		switch b[0] {
		case 'q', 'Q', 0x03, 0x04: // Ctrl-C and Ctrl-D, should they come as characters
			k = keyQuit
		case 'r', 'R':
			k = keyReconnect
		case 'p', 'P', ' ':
			k = keyPause
		case 'k':
			k = keyUp
		case 'j':
			k = keyDown
		case 0x0c: // Ctrl-L
			k = keyRedraw
		case 0x1b:
			k, n = parseEscape(b)
		}
		if b = b[n:]; k != keyNone {
			out = append(out, k)
		}
	}
	return out
}

// parseEscape reads one escape sequence and says how long it is (ECMA-48, 5.4: parameters, intermediates, final byte).
func parseEscape(b []byte) (key, int) {
	for s, k := range sequences {
		if bytes.HasPrefix(b, []byte(s)) {
			return k, len(s)
		}
	}
	if len(b) < 2 || b[1] != '[' && b[1] != 'O' {
		return keyNone, 1
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= 0x40 && b[i] <= 0x7e {
			return keyNone, i + 1
		}
	}
	return keyNone, len(b)
}

// consoleKey is a key of a Windows console: its virtual key code where it has no character (Virtual-Key Codes), else that.
func consoleKey(virtual, char uint16) key {
	switch virtual {
	case 0x21: // VK_PRIOR
		return keyPageUp
	case 0x22: // VK_NEXT
		return keyPageDown
	case 0x26: // VK_UP
		return keyUp
	case 0x28: // VK_DOWN
		return keyDown
	}
	if char == 0 || char > 0x7f {
		return keyNone
	}
	for _, k := range parseKeys([]byte{byte(char)}) {
		return k
	}
	return keyNone
}
