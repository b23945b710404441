// Package launch starts Holdfast's programs without a console. On Windows holdfast.exe belongs to the console: shells wait
// for it, and it writes to where it was started from. Started by a program that has none it would be given one, a black
// window that nobody asked for. On other systems nobody opens a terminal for a program, and there is nothing to do.
package launch
