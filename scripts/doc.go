// Package scripts holds what the Makefile calls: need (what is missing, and getting it), cc, version, run, test,
// test-windows (under wine), check, install, deb and screenshots. It has no Go code of its own but the tests of those scripts.
package scripts
