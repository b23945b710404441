// Package packaging holds the tests of what is installed: the entry in the menus and its metadata, scripts/install and
// scripts/deb. It has no code of its own.
package packaging
