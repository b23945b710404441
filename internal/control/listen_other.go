//go:build !unix && !windows

package control

import (
	"context"
	"errors"
	"fmt"
	"net"
)

var errNone = fmt.Errorf("this system has no private sockets: %w", errors.ErrUnsupported)

// Path: this system has no control socket.
func Path() (string, error) { return "", errNone }

// Listen: this system has no control socket.
func Listen(string) (net.Listener, error) { return nil, errNone }

func checkOwner(string, bool) error { return nil }

func dial(context.Context, string) (net.Conn, error) { return nil, errNone }
