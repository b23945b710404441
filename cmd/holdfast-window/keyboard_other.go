//go:build !unix

package main

// rememberKeys has nothing to do where there is no X.
func rememberKeys() {}
