package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// takeArgs returns a copy of the command line and overwrites the passwords in the original, which everybody on this
// computer can read in /proc/PID/cmdline, as curl does. It is to be called before anything else is.
//
// The strings of os.Args are the very memory that the kernel put the arguments into (runtime.goargs makes them without
// a copy). Nothing promises that, so each is looked up in the area that the kernel names before it is written to.
func takeArgs() []string {
	args := make([]string, len(os.Args))
	for i, a := range os.Args {
		args[i] = strings.Clone(a)
	}
	if secrets := secretsOf(os.Args); len(secrets) > 0 {
		start, end := argArea()
		for _, s := range secrets {
			b := unsafe.Slice(unsafe.StringData(s), len(s))
			if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); at < start || at+uintptr(len(s)) > end {
				continue
			}
			for i := range b {
				b[i] = '*'
			}
		}
	}
	return args
}

// argArea is where the kernel keeps the command line (proc_pid_stat(5), fields 48 and 49); 0, 0 where it does not say.
func argArea() (start, end uintptr) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0
	}
	// The second field is a name that may hold anything, in parentheses; the third comes behind the last of them.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	number := func(field int) uintptr {
		if field-3 >= len(fields) {
			return 0
		}
		n, err := strconv.ParseUint(string(fields[field-3]), 10, strconv.IntSize)
		if err != nil {
			return 0
		}
		return uintptr(n)
	}
	return number(48), number(49)
}
