//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// The names that the lab's name servers know. Nothing else exists.
const (
	ServerName   = "server.test"  // the server, IPv4 only
	ServerNameV6 = "server6.test" // the server, IPv6 only
	ProxyName    = "proxy.test"   // the proxy machine's near side, IPv4 only
	ProxyNameV6  = "proxy6.test"  // the same, IPv6 only
	UnknownName  = "nowhere.test" // NXDOMAIN, always
)

var names = map[string]netip.Addr{
	ServerName: ServerV4.Addr(), ServerNameV6: ServerV6.Addr(), ProxyName: ProxyV4.Addr(), ProxyNameV6: ProxyV6.Addr(),
}

// What a name server does with a question.
type NamesMode int32

const (
	NamesAnswer NamesMode = iota
	NamesRefuse           // REFUSED
	NamesDeny             // NXDOMAIN, whatever is asked
	NamesSilent           // the question is read, and that is all
)

// A NameServer answers on port 53 of a host. Its methods may be called from any goroutine.
type NameServer struct {
	Mode atomic.Int32 // a NamesMode

	host *Host
	mu   sync.Mutex // guards conn
	conn net.PacketConn
	done sync.WaitGroup
}

// NameServer starts one on a host. It ends with the lab at the latest.
func (l *Lab) NameServer(h *Host) (*NameServer, error) {
	s := &NameServer{host: h}
	if err := s.On(); err != nil {
		return nil, err
	}
	l.atClose(s.Off)
	return s, nil
}

// Off ends it: its host refuses questions (port unreachable).
func (s *NameServer) Off() {
	s.mu.Lock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	s.mu.Unlock()
	s.done.Wait()
}

// On starts it again.
func (s *NameServer) On() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return nil
	}
	var conn net.PacketConn
	if err := s.host.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", ":53")
		return err
	}); err != nil {
		return fmt.Errorf("name server on %s: %w", s.host.Name, err)
	}
	s.conn = conn
	s.done.Go(func() { s.answer(conn) })
	return nil
}

func (s *NameServer) answer(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		mode := NamesMode(s.Mode.Load())
		if err != nil || mode == NamesSilent {
			continue
		}
		if reply := answerName(buf[:n], mode); reply != nil {
			conn.WriteTo(reply, from)
		}
	}
}

// answerName is the answer to a question; nil to what is none.
func answerName(question []byte, mode NamesMode) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || m.Response || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	addr, known := names[q.Name.String()[:max(0, len(q.Name.String())-1)]]
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}
	switch {
	case mode == NamesRefuse:
		m.RCode = dnsmessage.RCodeRefused
	case mode == NamesDeny || !known:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA && addr.Is4():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case q.Type == dnsmessage.TypeAAAA && addr.Is6():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}
