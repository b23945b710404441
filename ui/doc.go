// Package ui says what a person sees, without a toolkit: sentences, remedies, the path from this computer to the
// service, the tray's tooltip and rows, in English and Simplified Chinese. Tray, window and terminal show the same
// values, so they never disagree.
//
// [ViewOf] and [TrayOf] are pure, and what they return can be compared with ==: draw only when it differs. All that came
// from a peer, a file or the kernel is made printable and bounded here.
package ui
