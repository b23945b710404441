//go:build !windows

package window

import "fyne.io/fyne/v2"

// noFont is the code of what is said where there is no Chinese font.
const noFont = "nofont"

// others is what a text is drawn with that the bundled font has not all of: chineseVars names the language by which Fyne
// finds it.
func others(bool) fyne.Resource { return nil }
