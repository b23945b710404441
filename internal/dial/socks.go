package dial

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

const (
	socksVersion  = 5
	methodNone    = 0x00
	methodUser    = 0x02
	methodNothing = 0xff
	addrIPv4      = 1
	addrName      = 3
	addrIPv6      = 4
)

// socksGreeting offers the methods that v has the means for (RFC 1928, section 3).
func socksGreeting(v Via) []byte {
	if v.HasCredentials() {
		return []byte{socksVersion, 2, methodNone, methodUser}
	}
	return []byte{socksVersion, 1, methodNone}
}

// socksMethod reads the choice.
func socksMethod(b []byte, offered []byte) (byte, error) {
	if b[0] != socksVersion {
		return 0, badVersion(b)
	}
	for _, m := range offered[2:] {
		if b[1] == m {
			return m, nil
		}
	}
	if b[1] == methodNothing {
		return methodNothing, nil
	}
	return 0, fmt.Errorf("%w: it chose method %d, which was not offered", ErrProtocol, b[1])
}

// socksLogin is user and password (RFC 1929); [Via] holds none that are too long.
func socksLogin(v Via) []byte {
	b := append([]byte{1, byte(len(v.user))}, v.user...)
	return append(append(b, byte(len(v.password()))), v.password()...)
}

// socksVerdict reads the answer to it. Some proxies put the protocol's version where the login's belongs.
func socksVerdict(b []byte) (status byte, err error) {
	if b[0] != 1 && b[0] != socksVersion {
		return 0, fmt.Errorf("%w: version %d in the answer to the login", ErrProtocol, b[0])
	}
	return b[1], nil
}

// socksRequest is CONNECT (RFC 1928, section 4). splitTarget has checked host.
func socksRequest(host string, port uint16) []byte {
	b := []byte{socksVersion, 1, 0}
	if a, err := netip.ParseAddr(host); err != nil {
		b = append(append(b, addrName, byte(len(host))), host...)
	} else if a = a.Unmap(); a.Is4() {
		b = append(append(b, addrIPv4), a.AsSlice()...)
	} else {
		b = append(append(b, addrIPv6), a.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, port)
}

// socksReply reads the reply in b, however short: need is how long it is at least, done that b holds all of it. What
// follows a code that is not 0 is not waited for: many proxies do not send it. The address is read over, whatever it
// holds: a session has no use for it.
func socksReply(b []byte) (code byte, need int, done bool, err error) {
	switch {
	case len(b) > 0 && b[0] != socksVersion:
		return 0, 0, false, badVersion(b)
	case len(b) < 2:
		return 0, 2, false, nil
	case b[1] != 0:
		return b[1], 2, true, nil
	case len(b) < 5:
		// Five bytes are there in every reply: an address has at least four, a name its length.
		if len(b) < 4 || validAddrType(b[3]) {
			return 0, 5, false, nil
		}
	}
	switch b[3] {
	case addrIPv4:
		need = 4 + 4 + 2
	case addrIPv6:
		need = 4 + 16 + 2
	case addrName:
		need = 4 + 1 + int(b[4]) + 2
	default:
		return 0, 0, false, fmt.Errorf("%w: address type %d in the reply", ErrProtocol, b[3])
	}
	return 0, need, len(b) >= need, nil
}

func validAddrType(t byte) bool { return t == addrIPv4 || t == addrName || t == addrIPv6 }

func badVersion(b []byte) error {
	return fmt.Errorf("%w: no SOCKS 5 but %s", ErrProtocol, quote(printable(string(b), 40)))
}
