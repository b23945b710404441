//go:build freebsd || netbsd || openbsd

package netcheck

// mediumOf is not asked: the message of an interface says it (ifi_link_state), or the driver does not know.
func mediumOf(string) Tri { return NotKnown }
