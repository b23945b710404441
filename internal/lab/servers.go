//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Addresses of the lab's server, by port.
func ServerAt(port uint16) netip.AddrPort   { return netip.AddrPortFrom(ServerV4.Addr(), port) }
func ServerAtV6(port uint16) netip.AddrPort { return netip.AddrPortFrom(ServerV6.Addr(), port) }

// Ready waits until the address accepts connections from the host itself.
func (h *Host) Ready(p *Proc, at netip.AddrPort) error {
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		c, err := h.Dial("tcp", at.String(), time.Second)
		if err == nil {
			return c.Close()
		}
		if p.Ended() {
			return fmt.Errorf("%s ended before it listened on %s:\n%s", p.name, at, p.Tail())
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not listen on %s: %w\n%s", p.name, at, err, p.Tail())
		}
	}
}

// Redis runs redis-server on the lab's server, both families, keeping nothing on disk. It answers "PING" with "+PONG".
func (l *Lab) Redis(port uint16) (*Proc, error) {
	p, err := l.StartRedis(port)
	if err != nil {
		return nil, err
	}
	return p, l.Server.Ready(p, ServerAt(port))
}

// StartRedis is Redis without waiting until it listens.
func (l *Lab) StartRedis(port uint16) (*Proc, error) {
	return l.Server.Start("redis-server", "--port", strconv.Itoa(int(port)), "--bind", ServerV4.Addr().String(), ServerV6.Addr().String(),
		"--save", "", "--appendonly", "no", "--protected-mode", "no", "--daemonize", "no", "--dir", l.Dir)
}

// SSHD runs the system's sshd on the lab's server with a key and a configuration of its own. A client that does not log
// in is sent away after grace (whole seconds).
func (l *Lab) SSHD(port uint16, grace time.Duration) (*Proc, error) {
	key := filepath.Join(l.Dir, "host_key")
	if _, err := os.Stat(key); err != nil {
		keygen, err := lookTool("ssh-keygen")
		if err != nil {
			return nil, err
		}
		if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	// The folder that Debian's service makes at boot; sshd refuses to start without it.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		return nil, err
	}
	lines := []string{
		"Port " + strconv.Itoa(int(port)),
		"ListenAddress " + ServerV4.Addr().String(),
		"ListenAddress " + ServerV6.Addr().String(),
		"HostKey " + key,
		"PidFile none",
		"UsePAM no",
		"StrictModes no",
		"LoginGraceTime " + strconv.Itoa(int(grace/time.Second)),
	}
	config := filepath.Join(l.Dir, "sshd_config")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	// Since OpenSSH 9.8 a client that never logs in is shut out after some tries; older ones do not know the word.
	sshd, err := lookTool("sshd")
	if err != nil {
		return nil, err
	}
	quiet := append(lines, "PerSourcePenalties no")
	if err := os.WriteFile(config+".try", []byte(strings.Join(quiet, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	if exec.Command(sshd, "-t", "-f", config+".try").Run() == nil {
		config += ".try"
	}
	p, err := l.Server.Start(sshd, "-D", "-e", "-f", config)
	if err != nil {
		return nil, err
	}
	return p, l.Server.Ready(p, ServerAt(port))
}

// Serve runs the program's own responder on the lab's server.
func (l *Lab) Serve(program string, port uint16, args ...string) (*Proc, error) {
	at := ServerAt(port)
	p, err := l.Server.Start(program, append([]string{"serve", at.String()}, args...)...)
	if err != nil {
		return nil, err
	}
	return p, l.Server.Ready(p, at)
}
