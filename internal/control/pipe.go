package control

import "strings"

// access is who may open the pipe, and whose it is (SDDL): its owner is this user, an administrator's too, nothing is
// inherited, and this user alone may do anything. Nobody is denied: a session of this user by SSH or WinRM bears the mark of
// the network (S-1-5-2) and is still on this computer. Whoever is not, the pipe itself refuses: go-winio makes all of them
// with FILE_PIPE_REJECT_REMOTE_CLIENTS.
func access(sid string) string { return "O:" + sid + "D:P(A;;GA;;;" + sid + ")" }

// mutexName is the name of what goes with the pipe of that path, in this session: no further backslash may follow the one
// behind Local (CreateMutexW), and unlike the names of pipes those of mutexes heed case.
func mutexName(path string) string {
	name := strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	return `Local\` + strings.TrimPrefix(name, "//./pipe/")
}
