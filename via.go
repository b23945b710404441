package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/dial"
	"holdfast/internal/secret"
	"holdfast/monitor"
)

// passwordVar is the environment variable that holds the proxy's password, so that it need stand neither on a command
// line nor in a file.
const passwordVar = "HOLDFAST_PROXY_PASSWORD"

// viaHelp is the part of --help about the way.
const viaHelp = `The way there:
  --via direct                              the network's own (default)
  --via http://proxy.example.net:3128       an HTTP proxy, which is asked with CONNECT
  --via socks5://proxy.example.net:1080     a SOCKS 5 proxy; socks5h://… is the same: the proxy looks names up
  --via system                              what https_proxy, all_proxy and no_proxy say; on Windows else its proxy settings
A proxy that wants a login is given its user, --via http://USER@proxy.example.net:3128. The password comes from the
environment variable ` + passwordVar + `, else from the keyring, where the window puts it. USER:PASSWORD@ works too, but others can read a command line: on
Linux the password is overwritten there as soon as the program runs, elsewhere it stays.`

// withPassword returns targets as they are asked for: a proxy that has a user and no password gets the one of the
// environment. The given slice is left as it is, for the settings never hold a password.
func withPassword(targets []monitor.Target, getenv func(string) string) ([]monitor.Target, error) {
	password := getenv(passwordVar)
	if password == "" {
		return targets, nil
	}
	with, err := fill(targets, func(string) string { return password })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", passwordVar, err)
	}
	return with, nil
}

// login returns the proxy of t, which may be the environment's, if it is told a user and has no password, and the account
// under which a keyring keeps that.
func login(t monitor.Target) (v dial.Via, account string, ok bool) {
	v, err := dial.ParseVia(t.Via)
	if err == nil {
		v, err = v.For(t.Address)
	}
	if err != nil || v.User() == "" {
		return v, "", false // an error is Target.Check's to tell
	}
	if none, err := v.WithCredentials(v.User(), ""); err != nil || v != none {
		return v, "", false // it has a password of its own
	}
	return v, secret.Account(v.User(), net.JoinHostPort(v.Host(), strconv.Itoa(int(v.Port())))), true
}

// accountsOf are those whose passwords the targets need, each once.
func accountsOf(targets []monitor.Target) []string {
	var accounts []string
	for _, t := range targets {
		if _, account, ok := login(t); ok && !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// fill returns targets with the passwords that are known; the given slice is left as it is.
func fill(targets []monitor.Target, password func(account string) string) ([]monitor.Target, error) {
	var with []monitor.Target
	for i, t := range targets {
		v, account, ok := login(t)
		if !ok {
			continue
		}
		known := password(account)
		if known == "" {
			continue
		}
		if _, err := v.WithCredentials(v.User(), known); err != nil {
			return nil, err
		}
		if with == nil {
			with = slices.Clone(targets)
		}
		with[i].Via = v.Scheme() + "://" + url.UserPassword(v.User(), known).String() + "@" +
			net.JoinHostPort(v.Host(), strconv.Itoa(int(v.Port())))
	}
	if with == nil {
		return targets, nil
	}
	return with, nil
}

// secretIn finds what is, or may be meant as, the password of a proxy in s: from the first colon behind the scheme to
// the last "@". It finds one in a mistyped URL too.
func secretIn(s string) (from, to int) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return 0, 0
	}
	start := 0
	if i := strings.Index(s[:at], "://"); i >= 0 {
		start = i + 3
	}
	colon := strings.IndexByte(s[start:at], ':')
	if colon < 0 {
		return 0, 0
	}
	return start + colon + 1, at
}

// veiled returns s as a message may repeat it.
func veiled(s string) string {
	if from, to := secretIn(s); from < to {
		return s[:from] + "***" + s[to:]
	}
	return s
}

// secretsOf returns the parts of a command line that nobody else should read: the passwords in values of --via, and in
// whatever else looks like the URL of a proxy, which may stand in the wrong place. They are parts of args, not copies.
func secretsOf(args []string) []string {
	var secrets []string
	via := false // the value of --via comes next
	for _, a := range args {
		value, given := strings.CutPrefix(a, "--via=")
		if via || given || strings.Contains(a, "://") {
			if from, to := secretIn(value); from < to {
				secrets = append(secrets, value[from:to])
			}
		}
		via = a == "--via"
	}
	return secrets
}
