//go:build !linux

package responder

func beChild() bool { return false }
