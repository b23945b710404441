package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"holdfast/netcheck"
)

func TestNoSuchHostIsConfirmed(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", Name: "gate.example.net", IsNotFound: true}
	words := func(e syscall.Errno) error { // as package net tells them
		return &net.DNSError{Err: os.NewSyscallError("getaddrinfow", e).Error(), Name: "gate.example.net"}
	}
	for _, tt := range []struct {
		name    string
		err     error // of getaddrinfo
		says    error // the DNS client
		outcome netcheck.Outcome
		unknown bool
	}{
		{"a name server said so", notFound, windows.DNS_ERROR_RCODE_NAME_ERROR, netcheck.Failed, true},
		{"the name has no address", notFound, windows.DNS_INFO_NO_RECORDS, netcheck.Failed, true},
		{"no name server answered", notFound, windows.ERROR_TIMEOUT, netcheck.Silent, false},
		{"a name server failed", notFound, windows.DNS_ERROR_RCODE_SERVER_FAILURE, netcheck.Failed, false},
		{"there is no name server", notFound, windows.DNS_ERROR_NO_DNS_SERVERS, netcheck.Failed, false},
		{"it is there now", notFound, nil, netcheck.Failed, false},
		{"it exists, and has no address", words(windows.WSANO_DATA), windows.DNS_INFO_NO_RECORDS, netcheck.Failed, true},
		{"no address, and no name server answered", words(windows.WSANO_DATA), windows.ERROR_TIMEOUT, netcheck.Silent, false},
		{"a name server failed, in words", words(windows.WSATRY_AGAIN), windows.DNS_INFO_NO_RECORDS, netcheck.Failed, false},
		{"another error is left alone", &net.DNSError{Err: "x", IsTemporary: true}, io.EOF, netcheck.Failed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := confirmedBy(t.Context(), "gate.example.net", tt.err, func(string) error { return tt.says })
			if o, unknown := nameOutcome(err); o != tt.outcome || unknown != tt.unknown {
				t.Errorf("%v: %v, unknown %v", err, o, unknown)
			}
			if tt.unknown && err.Error() != "lookup gate.example.net: no such host" {
				t.Error(err)
			}
		})
	}
	hang, asked := make(chan struct{}), 0
	for range 3 { // and is asked no second time meanwhile
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := confirmedBy(ctx, "gate.example.net", notFound, func(string) error { asked++; <-hang; return nil })
		if o, unknown := nameOutcome(err); o != netcheck.Silent || unknown {
			t.Errorf("a DNS client that hangs: %v", err)
		}
		var dns *net.DNSError
		if !errors.As(err, &dns) || dns.IsNotFound {
			t.Error(err)
		}
	}
	close(hang)
	confirmations.Wait()
	if asked != 1 {
		t.Errorf("a DNS client that hangs was asked %d times", asked)
	}
	// This system's DNS client can be asked.
	t.Logf("of nobody.invalid it says: %v", confirmed(t.Context(), "nobody.invalid", notFound))
}

func TestHasAddress(t *testing.T) {
	list := func(types ...uint16) (first *windows.DNSRecord) {
		for _, typ := range types {
			first = &windows.DNSRecord{Next: first, Type: typ}
		}
		return first
	}
	for _, tt := range []struct {
		name  string
		types []uint16
		want  bool
	}{
		{"nothing", nil, false},
		{"an alias alone", []uint16{windows.DNS_TYPE_CNAME}, false},
		{"an alias and its address", []uint16{windows.DNS_TYPE_CNAME, windows.DNS_TYPE_A}, true},
		{"addresses", []uint16{windows.DNS_TYPE_A, windows.DNS_TYPE_A}, true},
	} {
		if got := hasAddress(list(tt.types...)); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
