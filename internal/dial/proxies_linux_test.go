package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// These tests ask the distribution's own proxies, each in a network of its own: the test binary runs itself once more
// in new namespaces, where lo is up, some addresses are unreachable in every way there is, and a name server of ours
// answers. Nothing outside is reached or changed, and every process ends with the namespace of process numbers.

// insideVar is set in the process that runs in the namespaces.
const insideVar = "HOLDFAST_TEST_DIAL_INSIDE"

// The targets there.
const (
	speaks     = "127.0.0.1:7000"    // sends "hello" at once
	speaks6    = "[::1]:7000"        // the same
	named      = "server.test:7000"  // its name
	refuses    = "127.0.0.1:7001"    // nobody listens
	named1     = "server.test:7001"  // its name
	noRoute    = "203.0.113.9:7000"  // ENETUNREACH
	noHost     = "192.0.2.4:7000"    // EHOSTUNREACH
	prohibited = "192.0.2.13:7000"   // EACCES
	swallows   = "198.51.100.9:7000" // no answer
	noName     = "nosuch.test:7000"  // NXDOMAIN
	badName    = "broken.test:7000"  // SERVFAIL
	denied     = "127.0.0.1:7025"    // a rule of the proxy forbids it
)

const (
	login      = "me:s3same@"
	wrongLogin = "me:wrong@"
	oddLogin   = "w%C3%A9%20ird:p@ss:w/o%2541+%22#@" // user "wé ird", password p@ss:w/o%41+"#
)

// An answer is what a proxy says in one case.
type answer struct {
	target, login string
	atLogin       bool // ask the proxy that wants a login
	reply         Reply
	says          Said          // SaidFailed when empty and the reply is a failure
	hop           string        // HopProxy when empty
	step          Step          // where it fails; StepReply when empty
	silent        bool          // it says nothing for two seconds
	least         time.Duration // it takes so long at least
}

// inside runs test in the namespaces; it skips where they or the program cannot be had.
func inside(t *testing.T, program, pkg string, test func(t *testing.T, program string)) {
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			t.Skipf("%s is missing: apt-get install %s", program, pkg)
		}
	}
	if os.Getenv(insideVar) != "" {
		network(t)
		test(t, path)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network of its own")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip is missing: apt-get install iproute2")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Unshareflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("needs a process in namespaces of its own: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// network makes the network that the targets are in.
func network(t *testing.T) {
	for _, line := range []string{
		"link set lo up",
		"link add hf0 type veth peer name hf1",
		"address add 198.51.100.1/24 dev hf0",
		"link set hf0 up",
		"link set hf1 up",
		"neighbour add 198.51.100.9 lladdr 02:00:00:00:00:09 dev hf0 nud permanent", // nobody has that address
		"route add unreachable 192.0.2.4/32",
		"route add prohibit 192.0.2.13/32",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	cover(t, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	cover(t, "/etc/nsswitch.conf", "hosts: files dns\npasswd: files\nshadow: files\ngroup: files\n")
	pc, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerNames(pc)
	}()
	t.Cleanup(func() { _ = pc.Close(); <-done })
	for _, a := range []string{speaks, speaks6, denied} {
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, "hello")
				_ = c.(*net.TCPConn).CloseWrite()
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = l.Close(); <-done })
	}
}

// cover lays a file with this text over path, in this mount namespace only.
func cover(t *testing.T, path, text string) {
	f := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(f, path, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("mount over %s: %v", path, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
}

// answerNames is a name server that knows server.test, fails for broken.test, and nothing else exists.
func answerNames(pc net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m.Response, m.RecursionAvailable, m.RCode = true, true, dnsmessage.RCodeNameError
		m.Additionals = nil
		switch q.Name.String() {
		case "server.test.":
			m.RCode = dnsmessage.RCodeSuccess
			if q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
			}
		case "broken.test.":
			m.RCode = dnsmessage.RCodeServerFailure
		}
		if b, err := m.Pack(); err == nil {
			_, _ = pc.WriteTo(b, from)
		}
	}
}

// serve starts a proxy and waits until it accepts at each port. stop stops all its processes as SIGSTOP does.
func serve(t *testing.T, ports []string, program string, args ...string) (stop func()) {
	var out strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // and the processes that it made
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", program, out.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for _, p := range ports {
		for {
			c, err := net.Dial("tcp", "127.0.0.1:"+p)
			if err == nil {
				_ = c.Close()
				break
			}
			select {
			case <-tick.C:
			case <-ended:
				t.Fatalf("%s ended before it accepted:\n%s", program, out.String())
			case <-late:
				t.Fatalf("%s does not accept at port %s", program, p)
			}
		}
	}
	return func() {
		if err := unix.Kill(-cmd.Process.Pid, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
}

// traffic counts the connections opened and the datagrams sent in this network since it was made.
func traffic(t *testing.T) (opened, datagrams int) {
	b, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	heads := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		head := heads[f[0]]
		if heads[f[0]] = f; head == nil {
			continue
		}
		for i, name := range head {
			switch f[0] + name {
			case "Tcp:ActiveOpens":
				opened, err = strconv.Atoi(f[i])
			case "Udp:OutDatagrams":
				datagrams, err = strconv.Atoi(f[i])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return opened, datagrams
}

// alive asks a proxy whether it works: one that wants no login, then one that does, and then the first again when it is
// stopped. Nobody else may hear of it.
func alive(t *testing.T, scheme, open, loginPort string, stop func()) {
	question := func(port, login string, patience time.Duration) error {
		v, err := ParseVia(scheme + "://" + login + "127.0.0.1:" + port)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := Direct(ctx, netip.AddrPortFrom(netip.MustParseAddr(v.Host()), v.Port()), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return Alive(ctx, c, v)
	}
	opened, datagrams := traffic(t)
	for _, q := range []struct{ port, login string }{{open, ""}, {open, login}, {loginPort, ""}, {loginPort, login}, {loginPort, wrongLogin}} {
		began := time.Now()
		if err := question(q.port, q.login, 10*time.Second); err != nil {
			t.Errorf("alive at port %s with %q: %v", q.port, q.login, err)
		}
		t.Logf("alive at port %s with %q after %v", q.port, q.login, time.Since(began).Round(10*time.Microsecond))
	}
	// A tunnel, so that what it might have done by now would be counted, and to show that it is.
	v, _ := ParseVia(scheme + "://127.0.0.1:" + open)
	c, err := Direct(t.Context(), netip.MustParseAddrPort("127.0.0.1:"+open), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Through(t.Context(), c, v, speaks, Options{}); err != nil {
		t.Error(err)
	}
	_ = c.Close()
	if o, d := traffic(t); o-opened != 5+2 || d != datagrams {
		t.Errorf("%d connections and %d datagrams instead of 7 and none", o-opened, d-datagrams)
	}

	stop()
	began := time.Now()
	err = question(open, "", 500*time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) < 500*time.Millisecond {
		t.Errorf("stopped: got %v after %v", err, time.Since(began))
	}
}

// ask puts every question to a proxy and compares the answers.
func ask(t *testing.T, scheme, open, loginPort string, want []answer) {
	for _, w := range want {
		name := w.target
		port := open
		if w.atLogin {
			port = loginPort
			name += " login " + w.login
		}
		v, err := ParseVia(scheme + "://" + w.login + "127.0.0.1:" + port)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			c, err := Direct(t.Context(), netip.MustParseAddrPort("127.0.0.1:"+port), nil)
			if err != nil {
				t.Fatal(err)
			}
			reply, rest, err := Through(t.Context(), c, v, w.target, Options{Patience: map[Step]time.Duration{StepReply: 2 * time.Second}})
			got := answer{target: w.target, login: w.login, atLogin: w.atLogin, reply: reply, says: reply.Says(), least: w.least}
			if got.says == SaidFailed {
				got.says = ""
			}
			var de *Error
			if errors.As(err, &de) {
				if got.step = de.Step; got.step == StepReply {
					got.step = ""
				}
				if got.hop = de.Hop; got.hop == HopProxy {
					got.hop = ""
				}
				got.silent = errors.Is(err, context.DeadlineExceeded) && de.Got == 0
				if strings.Contains(err.Error(), "s3same") {
					t.Errorf("it shows the password: %v", err)
				}
				t.Logf("%v after %v (%s, %q)", err, de.Took.Round(time.Millisecond), de.Hop, reply.Says())
				if de.Took < w.least {
					t.Errorf("after %v, sooner than %v", de.Took, w.least)
				}
			}
			if failed := w.silent || w.says != "" || w.reply != (Reply{}) && w.reply != tunnel; failed != (err != nil) {
				t.Errorf("got %v", err)
			}
			// What depends on versions and machines is not compared.
			if got.reply.Via != "" {
				got.reply.Via = "yes"
			}
			got.reply.Server, _, _ = strings.Cut(got.reply.Server, "/")
			if got != w {
				t.Errorf("got  %+v\nwant %+v", got, w)
			}
			if err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if more, err := io.ReadAll(c); err != nil || string(rest)+string(more) != "hello" {
				t.Errorf("the session reads %q and %q (%v)", rest, more, err)
			}
			_ = c.Close()
		})
	}
}

// write makes a file that any user may read, in a folder where any user may write.
func write(t *testing.T, name, text string) string {
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIntegrationTinyproxy(t *testing.T) {
	inside(t, "tinyproxy", "tinyproxy", func(t *testing.T, program string) {
		const conf = "Port %s\nListen 127.0.0.1\nMaxClients 100\nTimeout 60\nAllow 127.0.0.1\nConnectPort 7000\nConnectPort 7001\nLogLevel Critical\n"
		stop := serve(t, []string{"8888"}, program, "-d", "-c", write(t, "conf", fmt.Sprintf(conf, "8888")))
		serve(t, []string{"8889"}, program, "-d", "-c", write(t, "conf", fmt.Sprintf(conf, "8889")+"BasicAuth me s3same\n"))
		ask(t, "http", "8888", "8889", tinyproxyAnswers)
		alive(t, "http", "8888", "8889", stop)
	})
}

func TestIntegrationSquid(t *testing.T) {
	inside(t, "squid", "squid", func(t *testing.T, program string) {
		helper := write(t, "helper", "#!/bin/sh\nwhile read -r user password; do\n\tcase \"$user $password\" in 'me s3same'|'w%C3%A9%20ird p@ss:w/o%2541+%22%23') echo OK;; *) echo ERR;; esac\ndone\n")
		stop := serve(t, []string{"3128", "3129"}, program, "-N", "-f", write(t, "conf", `
http_port 127.0.0.1:3128 name=open
http_port 127.0.0.1:3129 name=login
auth_param basic program `+helper+`
auth_param basic children 1
acl here myportname login
acl known proxy_auth REQUIRED
acl ports port 7000 7001
http_access deny !ports
http_access deny here !known
http_access allow all
dns_nameservers 127.0.0.1
connect_timeout 1 second
visible_hostname proxy.test
pid_filename none
cache_log DIR/cache.log
access_log none
coredump_dir DIR
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
`))
		ask(t, "http", "3128", "3129", squidAnswers)
		alive(t, "http", "3128", "3129", stop)
	})
}

func TestIntegrationDante(t *testing.T) {
	inside(t, "danted", "dante-server", func(t *testing.T, program string) {
		// danted asks the system for users; the password is s3same.
		cover(t, "/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nme:x:1000:1000::/:/bin/false\n")
		cover(t, "/etc/shadow", "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\nme:$6$holdfast$10i/bycWabdYaVWmOvZvW9m0TXVM27ZewN20hGdZrp1dPvdc1F2ebNZyTcPtblVHQ3QsK.gqMnFhDcbk/nyRJ0:19000:0:99999:7:::\n")
		const conf = `
logoutput: stderr
internal: 127.0.0.1 port = %s
external: lo
external: hf0
external.rotation: route
socksmethod: %s
clientmethod: none
user.privileged: root
user.unprivileged: nobody
timeout.connect: 1
client pass { from: 0/0 to: 0/0 }
socks block { from: 0/0 to: 0/0 port = 7025 }
socks pass { from: 0/0 to: 0/0 }
`
		stop := serve(t, []string{"1080"}, program, "-N", "1", "-p", filepath.Join(t.TempDir(), "pid"), "-f", write(t, "conf", fmt.Sprintf(conf, "1080", "none")))
		serve(t, []string{"1081"}, program, "-N", "1", "-p", filepath.Join(t.TempDir(), "pid"), "-f", write(t, "conf", fmt.Sprintf(conf, "1081", "username")))
		ask(t, "socks5", "1080", "1081", danteAnswers)
		alive(t, "socks5", "1080", "1081", stop)
	})
}

func TestIntegrationMicrosocks(t *testing.T) {
	inside(t, "microsocks", "microsocks", func(t *testing.T, program string) {
		stop := serve(t, []string{"1080"}, program, "-i", "127.0.0.1", "-p", "1080")
		serve(t, []string{"1081"}, program, "-i", "127.0.0.1", "-p", "1081", "-u", "me", "-P", "s3same")
		ask(t, "socks5h", "1080", "1081", microsocksAnswers)
		serve(t, []string{"1082"}, program, "-i", "127.0.0.1", "-p", "1082", "-u", "wé ird", "-P", `p@ss:w/o%41+"#`)
		ask(t, "socks5h", "1080", "1082", []answer{{target: speaks, atLogin: true, login: oddLogin}})
		alive(t, "socks5h", "1080", "1081", stop)
	})
}

// What they answer: tinyproxy 1.11.1, squid 5.7, dante 1.4.2, microsocks 1.0.3, each on Linux.

var (
	tunnel         = Reply{Status: 200, Reason: "Connection established"}
	tinyproxyFails = Reply{Status: 500, Reason: "Unable to connect", Server: "tinyproxy"}
)

func squidSays(status int, reason, name string, errno int) Reply {
	return Reply{Status: status, Reason: reason, Server: "squid", SquidError: name, SquidErrno: errno}
}

// tinyproxy says 500 at once for everything, and 401 to a wrong password.
var tinyproxyAnswers = []answer{
	{target: speaks, reply: tunnel},
	{target: speaks6, reply: tunnel},
	{target: named, reply: tunnel},
	{target: refuses, reply: tinyproxyFails},
	{target: named1, reply: tinyproxyFails},
	{target: noRoute, reply: tinyproxyFails},
	{target: noHost, reply: tinyproxyFails},
	{target: prohibited, reply: tinyproxyFails},
	{target: noName, reply: tinyproxyFails},
	{target: badName, reply: tinyproxyFails},
	{target: swallows, silent: true},
	{target: denied, reply: Reply{Status: 403, Reason: "Access violation", Server: "tinyproxy"}, says: SaidDenied},
	{target: speaks, atLogin: true, login: login, reply: tunnel},
	{target: speaks, atLogin: true, reply: Reply{Status: 407, Reason: "Proxy Authentication Required", Server: "tinyproxy", Auth: `Basic realm="Tinyproxy"`}, says: SaidAuth},
	{target: speaks, atLogin: true, login: wrongLogin, reply: Reply{Status: 401, Reason: "Unauthorized", Server: "tinyproxy"}, says: SaidAuth},
}

// squid gives the errno of its connect. Silence is a timeout after connect_timeout, which is a minute by default. A name
// that does not exist and a name server that fails are the same to it, and no ERR_DNS_FAIL.
var squidAnswers = []answer{
	{target: speaks, reply: tunnel},
	{target: speaks6, reply: tunnel},
	{target: named, reply: tunnel},
	{target: refuses, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 111), says: SaidRefused, hop: HopServer},
	{target: named1, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 111), says: SaidRefused, hop: HopServer},
	{target: noRoute, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 101), says: SaidNetUnreachable},
	{target: noHost, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 113), says: SaidHostUnreachable, hop: HopServer},
	{target: prohibited, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 13)},
	{target: noName, reply: squidSays(500, "Internal Server Error", "ERR_CANNOT_FORWARD", 0)},
	{target: badName, reply: squidSays(500, "Internal Server Error", "ERR_CANNOT_FORWARD", 0)},
	{target: swallows, reply: squidSays(503, "Service Unavailable", "ERR_CONNECT_FAIL", 110), says: SaidTimeout, hop: HopServer, least: 500 * time.Millisecond},
	{target: denied, reply: squidDenies(403, "Forbidden", "ERR_ACCESS_DENIED", ""), says: SaidDenied},
	{target: speaks, atLogin: true, login: login, reply: tunnel},
	{target: speaks, atLogin: true, login: oddLogin, reply: tunnel},
	{target: speaks, atLogin: true, reply: squidDenies(407, "Proxy Authentication Required", "ERR_CACHE_ACCESS_DENIED", squidRealm), says: SaidAuth},
	{target: speaks, atLogin: true, login: wrongLogin, reply: squidDenies(407, "Proxy Authentication Required", "ERR_CACHE_ACCESS_DENIED", squidRealm), says: SaidAuth},
}

const squidRealm = `Basic realm="Squid proxy-caching web server"`

func squidDenies(status int, reason, name, auth string) Reply {
	return Reply{Status: status, Reason: reason, Server: "squid", SquidError: name, Auth: auth, Via: "yes"}
}

// dante says "host unreachable" of a name that it cannot look up, and "TTL expired" after timeout.connect, which is 30 s
// by default.
var danteAnswers = []answer{
	{target: speaks},
	{target: speaks6},
	{target: named},
	{target: refuses, reply: Reply{SOCKS: 5}, says: SaidRefused, hop: HopServer},
	{target: named1, reply: Reply{SOCKS: 5}, says: SaidRefused, hop: HopServer},
	{target: noRoute, reply: Reply{SOCKS: 3}, says: SaidNetUnreachable},
	{target: noHost, reply: Reply{SOCKS: 4}, says: SaidHostUnreachable, hop: HopServer},
	{target: prohibited, reply: Reply{SOCKS: 1}},
	{target: noName, reply: Reply{SOCKS: 4}, says: SaidHostUnreachable, hop: HopServer},
	{target: badName, reply: Reply{SOCKS: 4}, says: SaidHostUnreachable, hop: HopServer},
	{target: swallows, reply: Reply{SOCKS: 6}, says: SaidTimeout, hop: HopServer, least: 500 * time.Millisecond},
	{target: denied, reply: Reply{SOCKS: 2}, says: SaidDenied},
	{target: speaks, atLogin: true, login: login},
	{target: speaks, atLogin: true, reply: Reply{NoMethod: true}, step: StepGreeting, says: SaidAuth},
	{target: speaks, atLogin: true, login: wrongLogin, reply: Reply{AuthStatus: 1}, step: StepAuth, says: SaidAuth},
}

// microsocks has no rules, and gives up on a silent server only when its kernel does.
var microsocksAnswers = []answer{
	{target: speaks},
	{target: speaks6},
	{target: named},
	{target: denied},
	{target: refuses, reply: Reply{SOCKS: 5}, says: SaidRefused, hop: HopServer},
	{target: named1, reply: Reply{SOCKS: 5}, says: SaidRefused, hop: HopServer},
	{target: noRoute, reply: Reply{SOCKS: 3}, says: SaidNetUnreachable},
	{target: noHost, reply: Reply{SOCKS: 4}, says: SaidHostUnreachable, hop: HopServer},
	{target: prohibited, reply: Reply{SOCKS: 1}},
	{target: noName, reply: Reply{SOCKS: 1}},
	{target: badName, reply: Reply{SOCKS: 1}},
	{target: swallows, silent: true},
	{target: speaks, atLogin: true, login: login},
	{target: speaks, atLogin: true, reply: Reply{NoMethod: true}, step: StepGreeting, says: SaidAuth},
	{target: speaks, atLogin: true, login: wrongLogin, reply: Reply{AuthStatus: 2}, step: StepAuth, says: SaidAuth},
}
