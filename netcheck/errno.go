package netcheck

import "syscall"

// Windows Sockets has numbers of its own for what connect(2) says ("Windows Sockets Error Codes"); no Unix uses them.
const (
	wsaEACCES        = syscall.Errno(10013)
	wsaEADDRNOTAVAIL = syscall.Errno(10049)
	wsaENETDOWN      = syscall.Errno(10050)
	wsaENETUNREACH   = syscall.Errno(10051)
	wsaETIMEDOUT     = syscall.Errno(10060)
	wsaECONNREFUSED  = syscall.Errno(10061)
	wsaEHOSTDOWN     = syscall.Errno(10064)
	wsaEHOSTUNREACH  = syscall.Errno(10065)

	errorConnectionRefused = syscall.Errno(1225) // of Win32, where a call ends late
)

// posix turns the error of a Windows socket into the one that other systems would give.
func posix(e syscall.Errno) syscall.Errno {
	switch e {
	case wsaEACCES:
		return syscall.EACCES
	case wsaEADDRNOTAVAIL:
		return syscall.EADDRNOTAVAIL
	case wsaENETDOWN:
		return syscall.ENETDOWN
	case wsaENETUNREACH, errorNetworkUnreachable:
		return syscall.ENETUNREACH
	case wsaETIMEDOUT:
		return syscall.ETIMEDOUT
	case wsaECONNREFUSED, errorConnectionRefused:
		return syscall.ECONNREFUSED
	case wsaEHOSTUNREACH, wsaEHOSTDOWN, errorHostUnreachable:
		return syscall.EHOSTUNREACH
	}
	return e
}
