// Package quiet keeps the standard logger still until main runs. Fyne's translations complain on standard error at
// their initialisation about every locale without a language (C.UTF-8), which says nothing to a person.
//
// It works because it needs nothing but log: packages are initialised in the order of their import paths as soon as all
// that they import is ready, and Fyne's imports far more. TestQuiet watches over that.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
