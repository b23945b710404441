package monitor

import (
	"context"
	"errors"
	"net"
	"strings"

	"golang.org/x/sys/windows"

	"holdfast/internal/patient"
)

// confirmed takes "no such host" back where nobody has said so: getaddrinfo of Windows says it too when no name server could
// be asked. The DNS client, which keeps what it has just heard, tells the one from the other. It makes "no such host" of a name
// that has no address, as the other systems do.
func confirmed(ctx context.Context, host string, err error) error {
	return confirmedBy(ctx, host, err, func(host string) error {
		var records *windows.DNSRecord
		err := windows.DnsQuery(host, windows.DNS_TYPE_A, 0, nil, &records, nil)
		if records == nil {
			return err
		}
		defer windows.DnsRecordListFree(records, 1) // DnsFreeRecordList (windns.h)
		if err == nil && !hasAddress(records) {
			return windows.DNS_INFO_NO_RECORDS
		}
		return err
	})
}

// confirmations are asked of the DNS client, one a name.
var confirmations patient.Questions[string, error]

// confirmedBy asks query, which cannot be told to give up, and waits for it no longer than ctx allows.
func confirmedBy(ctx context.Context, host string, err error, query func(host string) error) error {
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound && !isNoData(dns) {
		return err
	}
	e, ok := confirmations.Ask(ctx, host, func() error { return query(host) })
	switch {
	case !ok:
		return &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
	case isNoName(e):
		return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return &net.DNSError{Err: "server misbehaving", Name: host, IsTimeout: errors.Is(e, windows.ERROR_TIMEOUT), IsTemporary: true}
}

// isNoData: getaddrinfo says so of a name that exists and has no address. Package net takes it for a mistake of the resolver
// and keeps only its words, in the language of this Windows.
func isNoData(dns *net.DNSError) bool {
	return strings.HasSuffix(dns.Err, ": "+windows.WSANO_DATA.Error())
}

// hasAddress: an alias whose end has none is an answer too.
func hasAddress(records *windows.DNSRecord) bool {
	for ; records != nil; records = records.Next {
		if records.Type == windows.DNS_TYPE_A {
			return true
		}
	}
	return false
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
