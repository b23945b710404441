//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Ports of the proxies of the distribution.
const (
	TinyproxyPort = 8888
	SquidPort     = 3128
	DantePort     = 1080
)

// ProxyAt is where a proxy on the proxy machine listens.
func ProxyAt(port uint16) netip.AddrPort   { return netip.AddrPortFrom(ProxyV4.Addr(), port) }
func ProxyAtV6(port uint16) netip.AddrPort { return netip.AddrPortFrom(ProxyV6.Addr(), port) }

// A Service is a program on a host that can be killed and started again.
type Service struct {
	*Proc // the present one
	Host  *Host
	Port  uint16
	start func() (*Proc, error)
}

// run starts it and waits until it listens.
func (s *Service) run() (err error) {
	if s.Proc, err = s.start(); err != nil {
		return err
	}
	_, err = s.Host.listens(s.Proc, s.Port)
	return err
}

// Tinyproxy runs tinyproxy on a host of the lab, at all its addresses.
func (l *Lab) Tinyproxy(h *Host) (*Service, error) { return l.tinyproxy(h, "") }

// tinyproxy is Tinyproxy with a further line in its configuration.
func (l *Lab) tinyproxy(h *Host, more string) (*Service, error) {
	config, err := l.config(h, "tinyproxy", fmt.Sprintf(`
Port %d
MaxClients 100
Timeout 600
LogLevel Error
%s
`, TinyproxyPort, more))
	if err != nil {
		return nil, err
	}
	return l.service(h, TinyproxyPort, "tinyproxy", "-d", "-c", config)
}

// squids numbers those of this process.
var squids atomic.Int32

// Squid runs squid on a host of the lab, at all its addresses. It takes half a second to start.
func (l *Lab) Squid(h *Host) (*Service, error) {
	config, err := l.config(h, "squid", fmt.Sprintf(`
http_port %d
http_access allow all
visible_hostname proxy.test
pid_filename none
cache_log DIR/cache.log
access_log none
cache_store_log none
cache_mem 8 MB
coredump_dir DIR
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
negative_dns_ttl 1 second
`, SquidPort))
	if err != nil {
		return nil, err
	}
	// Two of the same name that start at once take each other's shared memory away; one that is killed leaves it behind.
	name := fmt.Sprintf("holdfast%dn%d", os.Getpid(), squids.Add(1))
	l.atClose(func() {
		left, _ := filepath.Glob("/dev/shm/" + name + "-*")
		for _, file := range left {
			_ = os.Remove(file)
		}
	})
	return l.service(h, SquidPort, "squid", "-N", "-d", "1", "-n", name, "-f", config)
}

// Dante runs dante's server on a host of the lab.
func (l *Lab) Dante(h *Host) (*Service, error) {
	in, out := []netip.Prefix{ProxyV4, ProxyV6}, far
	if h == l.Outside {
		in, out = []netip.Prefix{OutsideV4, OutsideV6}, "eth0"
	}
	config, err := l.config(h, "danted", fmt.Sprintf(`
logoutput: DIR/log
errorlog: stderr
internal: %s port = %d
internal: %s port = %d
external: %s
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0/0 to: 0/0 }
socks pass { from: 0/0 to: 0/0 }
`, in[0].Addr(), DantePort, in[1].Addr(), DantePort, out))
	if err != nil {
		return nil, err
	}
	return l.service(h, DantePort, "danted", "-N", "1", "-p", filepath.Join(filepath.Dir(config), "pid"), "-f", config)
}

// config writes a configuration into a folder of its own, where whatever user the server becomes may write; the folder
// stands in the text as DIR.
func (l *Lab) config(h *Host, name, text string) (string, error) {
	dir := filepath.Join(l.Dir, h.Name+"-"+name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask is
		return "", err
	}
	path := filepath.Join(dir, "conf")
	return path, os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644)
}

func (l *Lab) service(h *Host, port uint16, name string, args ...string) (*Service, error) {
	s := &Service{Host: h, Port: port, start: func() (*Proc, error) { return h.Start(name, args...) }}
	return s, s.run()
}

// clients is how many connections of clients the service has to keep: those that stand, and those whose client has gone
// and that it has not closed yet.
func (s *Service) clients() (n int, err error) {
	for _, state := range []string{established, closeWait} {
		ports, err := s.Host.tcp(state, func(local, _ uint16) bool { return local == s.Port })
		if err != nil {
			return 0, err
		}
		n += len(ports)
	}
	return n, nil
}
