package ui

import (
	"net"
	"strings"
	"testing"

	"holdfast/monitor"
)

func TestUnderstand(t *testing.T) {
	redis := func(p Pasted) Pasted {
		p.Service, p.Heartbeat, p.Send, p.Expect = "Redis", "line", "PING\r\n", "+PONG"
		if p.Login {
			p.Expect = "NOAUTH"
		}
		return p
	}
	for text, want := range map[string]Pasted{
		"gate.example.net:7000":                        {Address: "gate.example.net:7000", Host: "gate.example.net"},
		"  gate.example.net:7000\n":                    {Address: "gate.example.net:7000", Host: "gate.example.net"},
		"gate.example.net：7000":                        {Address: "gate.example.net:7000", Host: "gate.example.net"},
		"gate.example.net 7000":                        {Address: "gate.example.net:7000", Host: "gate.example.net"},
		"192.0.2.7:7":                                  {Address: "192.0.2.7:7", Host: "192.0.2.7"},
		"[2001:db8::7]:7000":                           {Address: "[2001:db8::7]:7000", Host: "2001:db8::7"},
		"fe80::1%eth0":                                 {Address: "[fe80::1%eth0]:443", Host: "fe80::1%eth0", Service: "HTTPS", Secure: true, Assumed: true},
		"2001:db8::7":                                  {Address: "[2001:db8::7]:443", Host: "2001:db8::7", Service: "HTTPS", Secure: true, Assumed: true},
		"www.example.net":                              {Address: "www.example.net:443", Host: "www.example.net", Service: "HTTPS", Secure: true, Assumed: true},
		"例子.测试":                                        {Address: "例子.测试:443", Host: "例子.测试", Service: "HTTPS", Secure: true, Assumed: true},
		"mail.example.net:":                            {Address: "mail.example.net:443", Host: "mail.example.net", Service: "HTTPS", Secure: true, Assumed: true},
		"imap.example.net":                             {Address: "imap.example.net:143", Host: "imap.example.net", Service: "IMAP", Assumed: true},
		"redis-2.example.net":                          redis(Pasted{Address: "redis-2.example.net:6379", Host: "redis-2.example.net", Assumed: true}),
		"redis":                                        redis(Pasted{Address: "redis:6379", Host: "redis", Assumed: true}),
		"cache:6379":                                   redis(Pasted{Address: "cache:6379", Host: "cache"}),
		"redis://cache":                                redis(Pasted{Address: "cache:6379", Host: "cache"}),
		"redis://:s3same@cache:7001/0":                 redis(Pasted{Address: "cache:7001", Host: "cache", Login: true}),
		"redis://me:s3/s@me@cache/0":                   redis(Pasted{Address: "cache:6379", Host: "cache", Login: true}),
		"rediss://cache":                               {Address: "cache:6379", Host: "cache", Service: "Redis", Secure: true},
		"memcached://cache":                            {Address: "cache:11211", Host: "cache", Service: "Memcached", Heartbeat: "line", Send: "version\r\n", Expect: "VERSION"},
		"SSH://me@gate.example.net":                    {Address: "gate.example.net:22", Host: "gate.example.net", Service: "SSH", Login: true},
		"me@gate.example.net":                          {Address: "gate.example.net:22", Host: "gate.example.net", Service: "SSH", Login: true},
		"git@git.example.net:team/thing.git":           {Address: "git.example.net:22", Host: "git.example.net", Service: "SSH", Login: true},
		"me@gate.example.net:2222":                     {Address: "gate.example.net:2222", Host: "gate.example.net", Login: true},
		"https://www.example.net/a?b=c@d#e":            {Address: "www.example.net:443", Host: "www.example.net", Service: "HTTPS", Secure: true},
		"https://www.example.net:8443":                 {Address: "www.example.net:8443", Host: "www.example.net", Service: "HTTPS", Secure: true},
		"http://localhost:8080/":                       {Address: "localhost:8080", Host: "localhost", Service: "HTTP"},
		"http://[2001:db8::7]/":                        {Address: "[2001:db8::7]:80", Host: "2001:db8::7", Service: "HTTP"},
		"ws://chat.example.net/socket":                 {Address: "chat.example.net:80", Host: "chat.example.net", Service: "WebSocket"},
		"wss://chat.example.net/socket":                {Address: "chat.example.net:443", Host: "chat.example.net", Service: "WebSocket", Secure: true},
		"mqtt://broker.example.net":                    {Address: "broker.example.net:1883", Host: "broker.example.net", Service: "MQTT"},
		"mqtts://broker.example.net":                   {Address: "broker.example.net:8883", Host: "broker.example.net", Service: "MQTT", Secure: true},
		"postgres://me:x@db1,db2:5433/sales":           {Address: "db1:5432", Host: "db1", Service: "PostgreSQL", Login: true},
		"postgresql://db.example.net/sales?sslmode=no": {Address: "db.example.net:5432", Host: "db.example.net", Service: "PostgreSQL"},
		"jdbc:mysql://db:3307/sales":                   {Address: "db:3307", Host: "db", Service: "MySQL"},
		"smtp://mail.example.net":                      {Address: "mail.example.net:25", Host: "mail.example.net", Service: "SMTP"},
		"imaps://mail.example.net":                     {Address: "mail.example.net:993", Host: "mail.example.net", Service: "IMAP", Secure: true},
		"tcp://gate:7":                                 {Address: "gate:7", Host: "gate"},
		"<https://www.example.net/>,":                  {Address: "www.example.net:443", Host: "www.example.net", Service: "HTTPS", Secure: true},

		"":                             {},
		"   ":                          {},
		"tcp://gate":                   {},
		"gate:0":                       {},
		"gate:70000":                   {},
		"gate:http":                    {},
		"a server somewhere":           {},
		"gate.example.net:7000 please": {},
		"..":                           {},
		"http://":                      {},
		"http:///path":                 {},
		"1http://gate":                 {},
		"gate\x1b[31m:7":               {},
		"[gate]:x":                     {},
		"\xff:7":                       {},
		strings.Repeat("a", 5000):      {},
	} {
		if got := Understand(text); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestWhatWasUnderstoodIsSaid(t *testing.T) {
	for text, want := range map[string][2]string{
		"gate.example.net:7000":   {"", ""},
		"gate.example.net":        {"No port given: 443 is taken, that of HTTPS. It is encrypted: the connection is watched, not what is said on it", "未写端口：采用 HTTPS 的 443。内容是加密的：只监视连接，不看其中的内容"},
		"redis://:s3same@cache/0": {"Redis at cache:6379. User and password were left out", "cache:6379 上的 Redis。用户名和密码已略去"},
		"me@gate:2222":            {"The server is gate:2222. User and password were left out", "服务器是 gate:2222。用户名和密码已略去"},
		"?":                       {"", ""},
	} {
		for i, l := range []Lang{English, Chinese} {
			if got := Understand(text).Sentence(l); got != want[i] {
				t.Errorf("%q: %q, want %q", text, got, want[i])
			}
		}
	}
}

// Whatever is pasted: what comes out can be watched, holds no secret, and an address that could be watched as it stood
// is not made another one.
func FuzzUnderstand(f *testing.F) {
	for _, s := range []string{
		"gate.example.net:7000", "redis://:s3same@cache:6379/0", "[fe80::1%eth0]:22", "git@git.example.net:team/thing.git", "jdbc:mysql://db/x",
		"postgres://a,b:1/c", "gate 7000", "http://user:p/w@h@host/x", "：：", "2001:db8::1", "a://b://c", "wss://[::1]", "x@", "@x", "a.:1", "[::1]", "[1.2.3.4]:5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Understand(s)
		for _, l := range []Lang{English, Chinese} {
			if said := p.Sentence(l); strings.ContainsAny(said, "\n\x1b") {
				t.Errorf("%q: said %q", s, said)
			}
		}
		if p.Address == "" {
			return
		}
		target := monitor.Target{Name: "x", Address: p.Address, Heartbeat: p.Heartbeat, Send: p.Send, Expect: p.Expect}
		if err := target.Check(); err != nil {
			t.Errorf("%q became %+v: %v", s, p, err)
		}
		if strings.Contains(p.Address, "@") || strings.Contains(p.Host, "@") {
			t.Errorf("%q: a login was kept: %+v", s, p)
		}
		// host:port as it is written in settings comes out as it went in.
		plain := monitor.Target{Name: "x", Address: s}
		if host, port, err := net.SplitHostPort(s); err == nil && plain.Check() == nil && p.Host == host {
			if _, got, _ := net.SplitHostPort(p.Address); got != strings.TrimLeft(port, "0") {
				t.Errorf("%q became %q", s, p.Address)
			}
		}
	})
}
