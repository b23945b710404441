package monitor

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A socket is a connected TCP socket without what net.TCPConn adds to it: thousands of sessions wake twice a beat on a
// deadline that passes, and net.TCPConn allocates an error each time, and keeps two addresses of each.
type socket struct {
	file *os.File
	raw  syscall.RawConn

	// One reader and one writer at a time, as with every session; the functions are made once.
	rmu   sync.Mutex
	rbuf  []byte
	rn    int
	rerr  error
	rfunc func(fd uintptr) bool
	wmu   sync.Mutex
	wbuf  []byte
	werr  error
	wfunc func(fd uintptr) bool
}

// slim takes over c's socket. On an error c is left as it was.
func slim(c *net.TCPConn) (net.Conn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if cerr := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) }); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	// The descriptor is non-blocking already, so the file goes to the runtime's poller (os.NewFile).
	s := &socket{file: os.NewFile(uintptr(fd), "tcp")}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, err
	}
	if err := s.file.SetReadDeadline(time.Time{}); err != nil { // not pollable after all
		_ = s.file.Close()
		return nil, err
	}
	_ = c.Close()
	s.rfunc, s.wfunc = s.readOnce, s.writeOnce
	return s, nil
}

func (s *socket) readOnce(fd uintptr) bool {
	for {
		s.rn, s.rerr = unix.Read(int(fd), s.rbuf)
		switch s.rerr {
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	s.rmu.Lock()
	defer s.rmu.Unlock()
	s.rbuf, s.rn, s.rerr = p, 0, nil
	err := s.raw.Read(s.rfunc)
	s.rbuf = nil
	switch {
	case err != nil:
		return 0, err
	case s.rerr != nil:
		return 0, os.NewSyscallError("read", s.rerr)
	case s.rn == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return s.rn, nil
}

func (s *socket) writeOnce(fd uintptr) bool {
	for len(s.wbuf) > 0 {
		n, err := unix.Write(int(fd), s.wbuf)
		switch err {
		case nil:
			s.wbuf = s.wbuf[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.werr = err
			return true
		}
	}
	return true
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	s.wbuf, s.werr = p, nil
	err := s.raw.Write(s.wfunc)
	left := len(s.wbuf)
	s.wbuf = nil
	if err == nil && s.werr != nil {
		err = os.NewSyscallError("write", s.werr)
	}
	return len(p) - left, err
}

// SyscallConn implements syscall.Conn.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return s.raw, nil }

// Close, SetDeadline, SetReadDeadline and SetWriteDeadline implement net.Conn.
func (s *socket) Close() error                       { return s.file.Close() }
func (s *socket) SetDeadline(t time.Time) error      { return s.file.SetDeadline(t) }
func (s *socket) SetReadDeadline(t time.Time) error  { return s.file.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.file.SetWriteDeadline(t) }

// LocalAddr and RemoteAddr ask the kernel; they implement net.Conn.
func (s *socket) LocalAddr() net.Addr  { return s.address(unix.Getsockname) }
func (s *socket) RemoteAddr() net.Addr { return s.address(unix.Getpeername) }

func (s *socket) address(ask func(int) (unix.Sockaddr, error)) net.Addr {
	a := &net.TCPAddr{}
	_ = s.raw.Control(func(fd uintptr) {
		sa, err := ask(int(fd))
		if err != nil {
			return
		}
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			a = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
		case *unix.SockaddrInet6:
			a = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)))
		}
	})
	return a
}
