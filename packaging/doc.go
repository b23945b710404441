// Package packaging holds the tests of what is installed: the entry in the menus and its metadata, scripts/install,
// scripts/deb and scripts/windows. It has no code of its own; what the programs and the installer for Windows are made from
// is in the folder windows.
package packaging
