package dial

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unique"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/idna"
)

// A Via is the way to a server: none but the network's own, a proxy, or whatever the environment says. The zero Via is
// direct. Vias are equal (==) when they name the same proxy, in the same words, with the same credentials.
//
// A proxy is given names as they stand: it may know names that this computer does not, and what it cannot look up it
// says. So socks5 and socks5h, which curl and others tell apart, mean the same.
//
// Nothing prints its password: not fmt with any verb, JSON, slog or an error, not even where a Via sits in an
// unexported field.
type Via struct {
	scheme string // "", "http", "socks5", "socks5h", "system"
	host   string
	port   uint16
	login  bool // user and password are there, though one of them may be empty
	user   string
	// secret is the password. A handle is a pointer, which fmt does not follow, and compares by what it points to.
	secret unique.Handle[string]
}

const maxVia = 4 << 10

// ParseVia reads "direct" (or nothing), "system", "http://[user:password@]host[:port]", "socks5://…" or "socks5h://…".
// The ports are 80 and 1080 where none is given. In user and password a percent sign is written %25, and %XX stands for
// any character; "@", ":" (in the password) and "/" may stand for themselves. Control characters are refused, however
// they are written.
//
// An error never repeats what may be a password: of s it shows the scheme at most.
func ParseVia(s string) (Via, error) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "direct":
		return Via{}, nil
	case "system":
		return Via{scheme: "system"}, nil
	}
	if len(s) > maxVia {
		return Via{}, fmt.Errorf("longer than %d bytes", maxVia)
	}
	scheme, rest, ok := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	if !ok || !isScheme(scheme) {
		return Via{}, errors.New(`"direct", "system" or a proxy was expected, like http://proxy.example.net:3128 or socks5://proxy.example.net`)
	}
	v := Via{scheme: scheme}
	switch scheme {
	case "http":
		v.port = 80
	case "socks5", "socks5h":
		v.port = 1080
	case "https":
		return Via{}, errors.New("https: a proxy that is itself reached over TLS is not supported; http:// carries TLS sessions as well")
	case "socks", "socks4", "socks4a":
		return Via{}, fmt.Errorf("%s: only version 5 of SOCKS is supported, socks5:// or socks5h://", scheme)
	default:
		return Via{}, fmt.Errorf("%s: no such kind of proxy; http, socks5 and socks5h are there", scheme)
	}
	where := rest
	at := strings.LastIndexByte(rest, '@')
	if at >= 0 {
		where = rest[at+1:]
	}
	if err := v.parseWhere(strings.TrimSuffix(where, "/")); err != nil {
		return Via{}, err
	}
	if at < 0 {
		return v, nil
	}
	user, password, _ := strings.Cut(rest[:at], ":")
	user, err := url.PathUnescape(user)
	if err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil {
		return Via{}, errors.New("user or password: after a percent sign two hexadecimal digits were expected; the sign itself is written %25")
	}
	return v.WithCredentials(user, password)
}

func isScheme(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 10
}

// parseWhere reads host[:port].
func (v *Via) parseWhere(s string) error {
	host, port := s, ""
	switch colon := strings.LastIndexByte(s, ':'); {
	case strings.HasPrefix(s, "["):
		in, after, ok := strings.Cut(s[1:], "]")
		in = strings.Replace(in, "%25", "%", 1) // a zone as in RFC 6874
		if a, err := netip.ParseAddr(in); !ok || err != nil || !a.Is6() {
			return errors.New("host: an IPv6 address was expected between [ and ]")
		}
		if after != "" && after[0] != ':' {
			return errors.New("host: a colon and a port were expected after ]")
		}
		host, port = in, after
	case strings.Count(s, ":") > 1:
		return errors.New("host: an IPv6 address belongs between [ and ]")
	case colon >= 0:
		host, port = s[:colon], s[colon:]
	}
	if port != "" {
		n, err := parsePort(port[1:])
		if err != nil {
			return err
		}
		v.port = n
	}
	host, err := cleanHost(host)
	v.host = host
	return err
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, errors.New("port: a number from 1 to 65535 was expected")
	}
	return uint16(n), nil
}

// cleanHost returns a name as it goes over the wire, or an address in its usual form.
func cleanHost(s string) (string, error) {
	if s == "" {
		return "", errors.New("host: it is missing")
	}
	if a, err := netip.ParseAddr(s); err == nil {
		// netip takes anything for a zone; Linux takes these and more for the name of an interface.
		if strings.ContainsFunc(a.Zone(), func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`%/[]@"\`, r) }) {
			return "", errors.New("host: the zone of an address was expected to be the name of an interface")
		}
		return a.Unmap().String(), nil
	}
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", errors.New("host: a name was expected")
		}
		s = ascii
	}
	if len(s) > 253 {
		return "", errors.New("host: a name of 253 bytes at most was expected")
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 {
			return "", errors.New("host: between dots 1 to 63 characters were expected")
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", errors.New("host: letters, digits, hyphens and dots were expected")
			}
		}
	}
	return s, nil
}

// splitTarget takes "host:port" apart, in the form that goes over the wire. Nothing that could end a line or a field
// gets through.
func splitTarget(target string) (host string, port uint16, err error) {
	host, p, err := net.SplitHostPort(target)
	if err != nil {
		return "", 0, errors.New(`target: "host:port" was expected`)
	}
	if port, err = parsePort(p); err != nil {
		return "", 0, fmt.Errorf("target: %w", err)
	}
	if host, err = cleanHost(host); err != nil {
		return "", 0, fmt.Errorf("target: %w", err)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() != "" {
		return "", 0, errors.New("target: an address with a zone means nothing to a proxy")
	}
	return host, port, nil
}

// WithCredentials returns v with user and password, which a keyring may have kept. It refuses what the proxy's protocol
// cannot carry: control characters, a colon in the user's name (RFC 7617), over 255 bytes (RFC 1929).
func (v Via) WithCredentials(user, password string) (Via, error) {
	if !v.IsProxy() {
		return Via{}, errors.New("user and password are for a proxy")
	}
	for _, s := range []string{user, password} {
		if !utf8.ValidString(s) {
			return Via{}, errors.New("user or password: UTF-8 was expected")
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return Via{}, errors.New("user or password: a control character cannot be sent")
		}
		if len(s) > 255 {
			return Via{}, errors.New("user or password: 255 bytes at most were expected")
		}
	}
	switch {
	case v.scheme == "http" && strings.Contains(user, ":"):
		return Via{}, errors.New("user: a colon cannot be sent to an HTTP proxy")
	case v.scheme != "http" && user == "":
		return Via{}, errors.New("user: it is missing")
	}
	v.login, v.user, v.secret = true, user, unique.Make(password)
	return v, nil
}

// WithoutCredentials returns v as it would be asked without user and password.
func (v Via) WithoutCredentials() Via {
	v.login, v.user, v.secret = false, "", unique.Handle[string]{}
	return v
}

// Scheme returns "direct", "http", "socks5", "socks5h" or "system".
func (v Via) Scheme() string {
	if v.scheme == "" {
		return "direct"
	}
	return v.scheme
}

// IsProxy reports whether v names a proxy, which "direct" and "system" do not.
func (v Via) IsProxy() bool { return v.host != "" }

// isSystem reports whether the environment decides, see [Via.For].
func (v Via) isSystem() bool { return v.scheme == "system" }

// Host returns the proxy's name or address, without brackets; empty without a proxy.
func (v Via) Host() string { return v.host }

// Port returns the proxy's port; 0 without a proxy.
func (v Via) Port() uint16 { return v.port }

// User returns the name that the proxy is told; it may be empty all the same with [Via.HasCredentials].
func (v Via) User() string { return v.user }

// HasCredentials reports whether the proxy is told a user and a password.
func (v Via) HasCredentials() bool { return v.login }

func (v Via) password() string {
	if v.secret == (unique.Handle[string]{}) {
		return ""
	}
	return v.secret.Value()
}

// basic is the token of Basic authentication (RFC 7617).
func (v Via) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(v.user + ":" + v.password()))
}

// String returns v as [ParseVia] reads it, without the password.
func (v Via) String() string {
	if !v.IsProxy() {
		return v.Scheme()
	}
	s := v.scheme + "://"
	if v.login {
		s += url.User(v.user).String() + "@"
	}
	return s + net.JoinHostPort(v.host, strconv.Itoa(int(v.port)))
}

// Format implements fmt.Formatter: [Via.String] for every verb.
func (v Via) Format(f fmt.State, verb rune) {
	s := v.String()
	if verb == 'q' {
		s = strconv.Quote(s)
	}
	_, _ = io.WriteString(f, s)
}

// MarshalText is [Via.String], for JSON and whatever else writes texts.
func (v Via) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// LogValue implements slog.LogValuer.
func (v Via) LogValue() slog.Value { return slog.StringValue(v.String()) }

// For returns the way to target ("host:port"): v itself, unless v is "system". Then https_proxy decides, and all_proxy
// where it is not set, except for what no_proxy names and for this computer itself, which are direct. The lower-case
// variables come before the upper-case ones. A variable that cannot be read is an error, not a direct way. Where none is
// set Windows is asked for what the person has set for all programs; see [AskSystem] for what a script says. For never waits.
func (v Via) For(target string) (Via, error) {
	if !v.isSystem() {
		return v, nil
	}
	for _, name := range proxyVars {
		value := strings.TrimSpace(os.Getenv(name))
		if value == "" {
			continue
		}
		if excepted, err := noProxy(target); excepted || err != nil {
			return Via{}, err
		}
		p, err := parseBare(value)
		if err != nil {
			return Via{}, fmt.Errorf("the environment's %s: %w", name, err)
		}
		return p, nil
	}
	if thisSystem != nil {
		return thisSystem.way(target)
	}
	return Via{}, nil
}

// proxyVars are the variables that name a proxy, the first that is set counts.
var proxyVars = [...]string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}

// environmentNames reports whether the environment names a proxy.
func environmentNames() bool {
	return slices.ContainsFunc(proxyVars[:], func(name string) bool { return strings.TrimSpace(os.Getenv(name)) != "" })
}

// noProxy reports whether the environment wants target to be reached directly. httpproxy knows how no_proxy is read;
// the proxy itself we read ourselves, because it takes one that it cannot read for none.
func noProxy(target string) (bool, error) {
	host, port, err := splitTarget(target)
	if err != nil {
		return false, err
	}
	c := httpproxy.FromEnvironment()
	c.HTTPSProxy = "http://proxy.invalid:1"
	u, err := c.ProxyFunc()(&url.URL{Scheme: "https", Host: net.JoinHostPort(host, strconv.Itoa(int(port)))})
	if err != nil {
		return false, fmt.Errorf("the environment's no_proxy: %w", err)
	}
	return u == nil, nil
}

// holdsSecret reports whether s repeats v's password or a part of it, plain or as it was sent. A short piece is enough:
// what a peer echoes may be cut anywhere.
func (v Via) holdsSecret(s string) bool {
	if !v.login {
		return false
	}
	for _, secret := range []string{v.password(), v.basic(), url.PathEscape(v.password())} {
		const piece = 4
		n := min(piece, len(secret))
		for i := 0; n > 0 && i+n <= len(secret); i++ {
			if strings.Contains(s, secret[i:i+n]) {
				return true
			}
		}
	}
	return false
}

// show makes a peer's words fit to be shown, see [Reply].
func (v Via) show(s string) string {
	if most := maxText * utf8.UTFMax; len(s) > most {
		s = s[:most]
	}
	if v.holdsSecret(s) {
		return ""
	}
	return printable(s, maxText)
}
