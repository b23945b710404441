package dial

import (
	"strconv"
	"strings"
)

// A Reply is what a proxy answered. Its texts are safe to show: printable, on one line, 200 characters at most, and
// empty where they would repeat the password. The zero Reply is no reply, or a plain SOCKS success.
type Reply struct {
	// Of HTTP.
	Status      int    // 0 without an HTTP reply
	Reason      string // the words after the status
	Via         string // the field Via: proxies on the way
	Server      string // the field Server: "tinyproxy/1.11.1"
	Auth        string // the field Proxy-Authenticate: what a 407 asks for
	ProxyStatus string // the field Proxy-Status (RFC 9209)
	ProxyError  string // its error type, of the proxy nearest to the server: "connection_refused"
	SquidError  string // the name in X-Squid-Error: "ERR_CONNECT_FAIL"
	SquidErrno  int    // the number there: the errno of the proxy's connect, in the numbers of its system

	// Of SOCKS 5.
	NoMethod   bool  // the proxy takes none of the methods offered
	AuthStatus uint8 // what it said to user and password (RFC 1929); 0 when it took them or was not asked
	SOCKS      uint8 // the reply code of RFC 1928, section 6; 0 succeeded
}

// Said is what a proxy's reply says of the failure, whichever protocol it speaks.
type Said string

// What a reply may say.
const (
	SaidNothing         Said = ""                    // no reply, or a success
	SaidAuth            Said = "auth-required"       // credentials are missing or wrong
	SaidDenied          Said = "denied"              // a rule of the proxy
	SaidRefused         Said = "refused"             // the server refused the proxy's connection
	SaidHostUnreachable Said = "host-unreachable"    // the proxy was told that the server is not there
	SaidTimeout         Said = "timeout"             // the proxy got no answer from the server
	SaidNetUnreachable  Said = "network-unreachable" // the proxy has no way there
	SaidName            Said = "name-failed"         // the proxy could not look up the name: unknown, or its resolver fails
	SaidUnsupported     Said = "unsupported"         // it does not do this: no CONNECT, no such address type
	SaidFailed          Said = "failed"              // it failed, and the reply does not say why
)

// Says reads the reply. What is special decides before what is general: X-Squid-Error, Proxy-Status, status.
func (r Reply) Says() Said {
	switch {
	case r.Status != 0:
		return r.httpSays()
	case r.NoMethod, r.AuthStatus != 0:
		return SaidAuth
	}
	switch r.SOCKS {
	case 0:
		return SaidNothing
	case 2:
		return SaidDenied
	case 3:
		return SaidNetUnreachable
	case 4:
		return SaidHostUnreachable
	case 5:
		return SaidRefused
	case 6: // "TTL expired" is what dante and microsocks make of ETIMEDOUT
		return SaidTimeout
	case 7, 8:
		return SaidUnsupported
	}
	return SaidFailed // 1 general failure, and what nobody defined
}

func (r Reply) httpSays() Said {
	if r.Status < 300 {
		return SaidNothing
	}
	if r.Status == 407 { // squid says ERR_ACCESS_DENIED or ERR_CACHE_ACCESS_DENIED beside it
		return SaidAuth
	}
	switch r.SquidError {
	case "ERR_DNS_FAIL":
		return SaidName
	case "ERR_ACCESS_DENIED", "ERR_FORWARDING_DENIED":
		return SaidDenied
	case "ERR_CONNECT_FAIL":
		switch r.SquidErrno { // Linux; FreeBSD and macOS. None of these numbers is a failed connect on the other
		case 111, 61:
			return SaidRefused
		case 113, 65:
			return SaidHostUnreachable
		case 110, 60:
			return SaidTimeout
		case 101, 51:
			return SaidNetUnreachable
		}
	}
	switch r.ProxyError { // RFC 9209, section 2.3
	case "connection_refused":
		return SaidRefused
	case "connection_timeout", "http_response_timeout":
		return SaidTimeout
	case "dns_timeout", "dns_error":
		return SaidName
	case "destination_ip_unroutable":
		return SaidNetUnreachable
	case "destination_ip_prohibited", "http_request_denied":
		return SaidDenied
	}
	switch r.Status {
	case 401: // tinyproxy's answer to a wrong password
		return SaidAuth
	case 403, 451:
		return SaidDenied
	case 400, 404, 405, 501:
		return SaidUnsupported
	}
	return SaidFailed
}

// hop is where the failure is, as far as the reply says.
func (r Reply) hop() string {
	switch r.Says() {
	case SaidRefused, SaidHostUnreachable, SaidTimeout:
		return HopServer
	}
	return HopProxy
}

// said is the reply in words, for an error.
func (r Reply) said() string {
	switch {
	case r.Status != 0:
		s := "the proxy says " + strconv.Itoa(r.Status)
		if r.Reason != "" {
			s += " " + r.Reason
		}
		switch {
		case r.SquidError != "":
			s += " (" + r.SquidError + " " + strconv.Itoa(r.SquidErrno) + ")"
		case r.ProxyError != "":
			s += " (" + r.ProxyError + ")"
		}
		return s
	case r.NoMethod:
		return "the proxy takes none of the ways to log in that were offered"
	case r.AuthStatus != 0:
		return "the proxy did not take user and password (" + strconv.Itoa(int(r.AuthStatus)) + ")"
	}
	s := "undefined"
	if int(r.SOCKS) < len(socksWords) {
		s = socksWords[r.SOCKS]
	}
	return "the proxy says " + s + " (SOCKS reply " + strconv.Itoa(int(r.SOCKS)) + ")"
}

// socksWords are the reply codes of RFC 1928, section 6.
var socksWords = [...]string{
	"succeeded", "general failure", "not allowed by its rules", "network unreachable", "host unreachable",
	"connection refused", "TTL expired", "command not supported", "address type not supported",
}

// proxyError finds the error type in a Proxy-Status field: a list (RFC 8941) with a member for each proxy, the first
// nearest to the server (RFC 9209, section 2). It is lenient: what cannot be read holds no error.
func proxyError(field string) string {
	quoted := false
	for start, i := 0, 0; i <= len(field); i++ {
		switch {
		case i < len(field) && quoted && field[i] == '\\':
			i++
			continue
		case i < len(field) && field[i] == '"':
			quoted = !quoted
			continue
		case i < len(field) && (quoted || field[i] != ';' && field[i] != ','):
			continue
		}
		if name, value, _ := strings.Cut(strings.Trim(field[start:i], " \t"), "="); name == "error" && isToken(value) {
			return value
		}
		start = i + 1
	}
	return ""
}

// isToken reports whether s can be an error type: an sf-token (RFC 8941, section 3.3.4) of sensible length.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) <= 60
}
