//go:build !windows

package netcheck

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
)

// resolvConf is where Unix systems name their resolvers (resolv.conf(5)).
const resolvConf = "/etc/resolv.conf"

// NameServer returns an address that leads where look-ups of names go: the first resolver of this computer or, where that
// is a program on this computer which asks others, one that only the default route leads to. It is for [Egress] and
// [Explain]; nothing need answer there.
func NameServer() netip.Addr { return firstBeyond(resolvers(resolvConf)) }

// resolvers reads the addresses of name servers; none when the file cannot be read.
func resolvers(path string) (out []netip.Addr) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() && len(out) < 3 { // MAXNS: more are not asked
		fields := strings.Fields(s.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(fields[1]); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}
