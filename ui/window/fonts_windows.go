package window

import (
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
)

// noFont is the code of what is said where there is no Chinese font.
const noFont = "nofont.windows"

// chineseFont is part of every Windows.
const chineseFont = "Microsoft YaHei"

// others is what Fyne is told to draw a text with that the bundled font has not all of: nil where it finds the right font by
// itself. It looks for one in the language that Windows is set to, and on a Chinese one it takes YaHei, in both weights. On
// any other it takes the first font that has a character, and tries that for all that follow: its list has MS Gothic before
// YaHei, which every Windows has as well, so half of a text would be Japanese. There it is given the bundled font under the
// name of the other one: what is missing in a font Fyne looks for in the family of that name first, in the regular weight.
func others(bold bool) fyne.Resource {
	f := fallbacks()
	if f == nil {
		return nil
	}
	if bold {
		return f[1]
	}
	return f[0]
}

var fallbacks = sync.OnceValue(func() []fyne.Resource {
	if ofHan(lang.SystemLocale().String()) {
		return nil
	}
	var f []fyne.Resource
	for _, bold := range []bool{false, true} {
		f = append(f, fyne.NewStaticResource(chineseFont, look{}.Font(fyne.TextStyle{Bold: bold}).Content()))
	}
	return f
})
