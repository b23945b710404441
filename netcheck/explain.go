package netcheck

import "slices"

// A suspect is an interface that could carry a destination, and so may explain a missing way.
type suspect struct {
	index       int
	name        string
	up, carrier bool
	fits        bool // it holds an address of the destination's family and scope
	holds       bool // it holds any address beyond the link
	hardware    bool
}

// explainBy picks for each way to be out of order the interface that explains most.
func explainBy(counts []suspect) (disabled, noCarrier, noAddress string) {
	working := slices.ContainsFunc(counts, suspect.works)
	var best [3]suspect
	for _, c := range counts {
		i := 2
		switch {
		case !c.up:
			if i = 0; !c.holds {
				continue // never set up
			}
		case !c.carrier:
			if i = 1; working && !c.fits {
				continue // an unused socket
			}
		case c.fits || working:
			continue
		}
		if best[i].index == 0 || c.better(best[i]) {
			best[i] = c
		}
	}
	return best[0].name, best[1].name, best[2].name
}

func (c suspect) works() bool { return c.fits && c.up && c.carrier }

// better prefers an address that fits, then any address, then hardware, then the older interface.
func (c suspect) better(o suspect) bool {
	for _, p := range [...][2]bool{{c.fits, o.fits}, {c.holds, o.holds}, {c.hardware, o.hardware}} {
		if p[0] != p[1] {
			return p[0]
		}
	}
	return c.index < o.index
}
