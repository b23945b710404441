//go:build !windows

package ui

// systemLocales is nothing: here the environment is where a language is set.
func systemLocales() []string { return nil }
