package window

import (
	"log"
	"os"
	"strings"
	"sync"
)

// chineseFonts sees to it before Fyne looks for the first of them.
var chineseFonts = sync.OnceFunc(func() {
	for name, value := range chineseVars(os.Getenv) {
		if err := os.Setenv(name, value); err != nil {
			log.Print(err) // Chinese is then less bold
		}
	}
})

// chineseVars returns the variables by which Fyne finds Chinese characters in both weights. It looks up the fonts of the
// locale's language in both; where that has none of them, it finds each character by itself, and in the regular weight only
// (a window in Chinese on a desktop in English had no bold heading). LANGUAGE is read for that and by nothing else in this
// process: Fyne's own words were chosen when the program was loaded. A locale of a language that has such characters stays.
func chineseVars(env func(string) string) map[string]string {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = env(name); locale != "" {
			break
		}
	}
	set := map[string]string{}
	if locale == "" || locale == "C" || locale == "POSIX" { // LANGUAGE is not looked at then
		if env("LC_ALL") != "" {
			return nil // it stands above what could be set
		}
		set["LC_MESSAGES"] = "C.UTF-8"
	} else if list := env("LANGUAGE"); list != "" {
		locale = list
	}
	if ofHan(locale) {
		return nil
	}
	set["LANGUAGE"] = "zh_CN"
	return set
}

// ofHan reports whether a locale is that of a language with such characters.
func ofHan(locale string) bool {
	for _, language := range []string{"zh", "ja", "ko"} {
		if strings.HasPrefix(strings.ToLower(locale), language) {
			return true
		}
	}
	return false
}
