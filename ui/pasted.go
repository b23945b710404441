package ui

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pasted is what a text that somebody typed or pasted says of a target: a URL, host:port, a name.
type Pasted struct {
	Address string // host:port; empty: the text says of no server
	Host    string // a name for the target to begin with
	Service string // "Redis": what the scheme or the port says is there; empty: nothing
	Assumed bool   // the text has no port, and that of Service was taken
	Secure  bool   // the service speaks TLS
	Login   bool   // the text had a user or a password, which are left out

	Heartbeat, Send, Expect string // for a service whose answers are known; empty: none
}

// A service is what may stand in front of "://", and the port on which it is usually found.
type service struct {
	name   string
	port   uint16
	secure bool
	scheme string // several are parted by a space; the first is looked for in names too
}

// services are those that registered a port with IANA, or that the world knows at one.
var services = []service{
	{"HTTPS", 443, true, "https"},
	{"HTTP", 80, false, "http"},
	{"WebSocket", 443, true, "wss"},
	{"WebSocket", 80, false, "ws"},
	{"SSH", 22, false, "ssh sftp scp git+ssh ssh+git svn+ssh"},
	{"Redis", 6379, false, "redis valkey keydb"},
	{"Redis", 6379, true, "rediss valkeys"},
	{"MQTT", 1883, false, "mqtt"},
	{"MQTT", 8883, true, "mqtts"},
	{"PostgreSQL", 5432, false, "postgres postgresql"},
	{"MySQL", 3306, false, "mysql mysqlx mariadb"},
	{"SQL Server", 1433, false, "mssql sqlserver"},
	{"Oracle", 1521, false, "oracle"},
	{"MongoDB", 27017, false, "mongo mongodb"},
	{"Memcached", 11211, false, "memcached memcache"},
	{"SMTP", 25, false, "smtp"},
	{"SMTP", 587, false, "submission"},
	{"SMTP", 465, true, "smtps submissions"},
	{"IMAP", 143, false, "imap"},
	{"IMAP", 993, true, "imaps"},
	{"POP3", 110, false, "pop pop3"},
	{"POP3", 995, true, "pop3s pops"},
	{"LDAP", 389, false, "ldap"},
	{"LDAP", 636, true, "ldaps"},
	{"FTP", 21, false, "ftp"},
	{"FTP", 990, true, "ftps"},
	{"AMQP", 5672, false, "amqp rabbitmq"},
	{"AMQP", 5671, true, "amqps"},
	{"NATS", 4222, false, "nats"},
	{"Kafka", 9092, false, "kafka"},
	{"XMPP", 5222, false, "xmpp"},
	{"IRC", 6667, false, "irc"},
	{"IRC", 6697, true, "ircs"},
	{"Git", 9418, false, "git"},
	{"Telnet", 23, false, "telnet"},
	{"RDP", 3389, false, "rdp ms-rd"},
	{"VNC", 5900, false, "vnc"},
	{"RTSP", 554, false, "rtsp"},
	{"SIP", 5060, false, "sip"},
	{"DNS", 53, false, "dns"},
}

// maxPasted bounds a text that is understood: the longest name, and what a URL may carry besides.
const maxPasted = 4 << 10

// Understand reads a URL ("redis://:secret@cache:6379/0"), host:port, an address, or a name. What cannot be a server comes
// back with no Address. It keeps no secret: user and password of a URL are left out.
//
// A name without a port is given that of the service that its scheme, or its own first part, names, else 443, for most of
// what people paste is a web address; Assumed says so. A service whose port was given without a scheme is a guess too, but
// one that the trial of the dialog shows.
func Understand(text string) Pasted {
	if len(text) > maxPasted || !utf8.ValidString(text) {
		return Pasted{}
	}
	rest := strings.Map(func(r rune) rune { // as Chinese keyboards write them
		switch r {
		case '：':
			return ':'
		case '。', '．':
			return '.'
		case '／':
			return '/'
		case '＠':
			return '@'
		}
		return r
	}, text)
	rest = strings.Trim(strings.TrimSpace(rest), "<>\"'“”`,;")
	if rest == "" || strings.ContainsFunc(rest, unicode.IsControl) {
		return Pasted{}
	}
	rest = strings.TrimPrefix(rest, "jdbc:")
	scheme, after, isURL := strings.Cut(rest, "://")
	if isURL {
		scheme, rest = strings.ToLower(scheme), after
		if !isScheme(scheme) {
			return Pasted{}
		}
	} else {
		scheme = ""
	}
	// The authority ends at the path. A password that holds a slash must be escaped (RFC 3986), but people paste what
	// they have: up to the last @ it is theirs.
	var p Pasted
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		if at := strings.LastIndexByte(rest, '@'); at < end || !isURL || strings.ContainsAny(rest[:end], ".") || !strings.Contains(rest[:end], ":") {
			rest = rest[:end]
		}
	}
	sshLike := false
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		p.Login = at > 0
		rest = rest[at+1:]
		sshLike = !isURL
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			rest = rest[:end]
		}
	}
	rest, _, _ = strings.Cut(rest, ",") // a list of servers: the first of them
	rest = strings.TrimSpace(rest)
	if host, port, ok := strings.Cut(rest, " "); ok { // as telnet has it: host port
		rest = host
		if port = strings.TrimSpace(port); port != "" {
			rest = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	}
	host, port, ok := hostAndPort(rest)
	if !ok && sshLike { // scp: user@host:path
		if name, _, isPath := strings.Cut(rest, ":"); isPath && !strings.Contains(name, "[") {
			host, port, ok = name, 0, isHost(name)
		}
	}
	if !ok {
		return Pasted{}
	}
	p.Host = host
	s, known := serviceOf(scheme)
	switch {
	case sshLike && port == 0:
		s, known = serviceOf("ssh")
	case isURL && !known && port == 0:
		return Pasted{} // no such scheme, and no port: nothing to go by
	case !isURL && port == 0:
		if s, known = serviceNamed(host); !known {
			s, known = serviceOf("https")
		}
	case !isURL:
		s, known = serviceAt(port)
	}
	if port == 0 {
		port, p.Assumed = s.port, !isURL && !sshLike
	}
	p.Address = net.JoinHostPort(host, strconv.Itoa(int(port)))
	if known {
		p.Service, p.Secure = s.name, s.secure
	}
	if p.Secure {
		return p // TLS itself is not spoken: there is nothing to ask
	}
	switch p.Service {
	case "Redis":
		p.Heartbeat, p.Send, p.Expect = "line", "PING\r\n", "+PONG"
		if p.Login { // without the login it answers so, and the answer is what counts
			p.Expect = "NOAUTH"
		}
	case "Memcached":
		p.Heartbeat, p.Send, p.Expect = "line", "version\r\n", "VERSION"
	}
	return p
}

// hostAndPort takes rest apart; port 0: there is none.
func hostAndPort(rest string) (host string, port uint16, ok bool) {
	if a, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil && (a.Is6() || !strings.ContainsAny(rest, "[]")) {
		return strings.Trim(rest, "[]"), 0, isHost(strings.Trim(rest, "[]"))
	}
	if host, p, err := net.SplitHostPort(rest); err == nil {
		if p == "" {
			return host, 0, isHost(host)
		}
		n, err := strconv.ParseUint(p, 10, 16)
		return host, uint16(n), err == nil && n > 0 && isHost(host)
	}
	return rest, 0, isHost(rest)
}

// isHost reports whether s is an address, or may be a name: letters and digits of any script, as few marks as names have.
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == "" || !strings.ContainsFunc(a.Zone(), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
		})
	}
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}

// isScheme is the grammar of RFC 3986, section 3.1, in lower case, of a length that is used.
func isScheme(s string) bool {
	for i, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 30
}

func serviceOf(scheme string) (service, bool) {
	for _, s := range services {
		for one := range strings.SplitSeq(s.scheme, " ") {
			if one == scheme && scheme != "" {
				return s, true
			}
		}
	}
	return service{}, false
}

// serviceNamed is the one after which a host is called: redis.example.net, mqtt-2, or redis alone.
func serviceNamed(host string) (service, bool) {
	first, _, _ := strings.Cut(strings.ToLower(host), ".")
	first = strings.TrimRight(first, "0123456789-_")
	return serviceOf(first)
}

// serviceAt is the one that is found at a port. Those of the web are not named: much else is found there.
func serviceAt(port uint16) (service, bool) {
	for _, s := range services {
		if s.port == port && s.port != 80 && s.port != 443 {
			return s, true
		}
	}
	return service{}, false
}

// Sentence says what was understood, beyond what the text says itself; "" where there is nothing to say.
func (p Pasted) Sentence(l Lang) string {
	var parts []string
	add := func(code string, pairs ...string) { parts = append(parts, l.Say(code, pairs...)) }
	switch {
	case p.Address == "":
		return ""
	case p.Assumed:
		_, port, _ := net.SplitHostPort(p.Address)
		add("pasted.assumed", "text", p.Service, "n", port)
	case p.Service != "":
		add("pasted.service", "text", p.Service, "server", Printable(p.Address, 80))
	case p.Login:
		add("pasted.server", "server", Printable(p.Address, 80))
	}
	if p.Secure {
		add("pasted.secure")
	}
	if p.Login {
		add("pasted.login")
	}
	return strings.Join(parts, l.Say("path.space"))
}
