// Package lab is the proving ground: hosts in network namespaces, real servers and proxies, and faults that are injected
// at a known moment. Tests and benchmarks run the real program in it and compare what it says with what was done to its
// network.
//
//	client eth0 --- switch br0 --- lan0 gateway wan0 --- switch br1 --- eth0 server
//	client vm0  --- nobody |                                    |  |
//	          names eth0 --+                                    |  +--- eth0 outside
//	         proxy near0 --+                                    |
//	          proxy far0 --------- in0 firewall eth0 -----------+
//
// The switch is two bridges in a namespace of its own, so that a cable can be pulled at the far end: the host loses its
// carrier while its interface stays switched on. vm0 is the adapter of a virtual machine: always up, with an address, and
// it leads nowhere. The proxy machine forwards nothing and reaches the server by the firewall; proxies run on it, or on
// the host outside, which the client reaches by the gateway. A name server runs where one is asked for.
//
// A [Relay] may be put into the cables at the switch: it delays, loses, jitters and reorders what passes. A [Counter] counts
// the packets of an interface.
//
// It needs Linux, root, ip, nft and /dev/net/tun. [New] skips the test by name where one of them is missing.
package lab
