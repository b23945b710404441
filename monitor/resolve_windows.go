package monitor

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sys/windows"
)

// confirmed takes "no such host" back where nobody has said so: getaddrinfo of Windows says it too when no name server could
// be asked. The DNS client, which keeps what it has just heard, tells the one from the other.
func confirmed(ctx context.Context, host string, err error) error {
	return confirmedBy(ctx, host, err, func(host string) error {
		var records *windows.DNSRecord
		err := windows.DnsQuery(host, windows.DNS_TYPE_A, 0, nil, &records, nil)
		if records != nil {
			windows.DnsRecordListFree(records, 1) // DnsFreeRecordList (windns.h)
		}
		return err
	})
}

// confirmedBy asks query, which cannot be told to give up, and waits for it no longer than ctx allows.
func confirmedBy(ctx context.Context, host string, err error, query func(host string) error) error {
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		return err
	}
	answer := make(chan error, 1)
	go func() { answer <- query(host) }()
	select {
	case e := <-answer:
		if isNoName(e) {
			return err
		}
		return &net.DNSError{Err: "server misbehaving", Name: host, IsTimeout: errors.Is(e, windows.ERROR_TIMEOUT), IsTemporary: true}
	case <-ctx.Done():
		return &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
	}
}

// isNoName: a name server has said that there is no such name, or none with an address; or it can be none.
func isNoName(err error) bool {
	switch {
	case errors.Is(err, windows.DNS_ERROR_RCODE_NAME_ERROR), errors.Is(err, windows.DNS_INFO_NO_RECORDS), errors.Is(err, windows.DNS_ERROR_RECORD_DOES_NOT_EXIST),
		errors.Is(err, windows.DNS_ERROR_INVALID_NAME_CHAR), errors.Is(err, windows.ERROR_INVALID_NAME), errors.Is(err, windows.DNS_ERROR_NUMERIC_NAME):
		return true
	}
	return false
}
