package ui

import "golang.org/x/sys/windows"

// systemLocales are the languages that this user wants Windows to show, the best first: "zh-Hans-CN", "en-US"; nil where it
// does not say.
func systemLocales() []string {
	list, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil {
		return nil
	}
	return list
}
