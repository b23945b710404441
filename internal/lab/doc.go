// Package lab is the proving ground: hosts in network namespaces, real servers, and faults that are injected at a known
// moment. Tests and benchmarks run the real program in it and compare what it says with what was done to its network.
//
//	client eth0 --- switch --- lan0 gateway wan0 --- eth0 server
//	client vm0  --- nobody
//
// The switch is a bridge in a namespace of its own, so that the client's cable can be pulled at the far end: the client
// loses its carrier while its interface stays switched on. vm0 is the adapter of a virtual machine: always up, with
// an address, and it leads nowhere.
//
// It needs Linux, root, ip, nft and /dev/net/tun. [New] skips the test by name where one of them is missing.
package lab
