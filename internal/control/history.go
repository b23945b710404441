package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holdfast/internal/wire"
)

// A HistoryQuery says which outages are asked for.
type HistoryQuery = wire.HistoryQuery

// maxQuery bounds what is searched for.
const maxQuery = 1000

// ParseSince reads how far back is meant: a length as "90m", "36h", "7d" or "2w", a day "2026-11-21" (where this computer
// is), a moment as RFC 3339 has it.
func ParseSince(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t, nil
	}
	days, unit := 0, ""
	if len(s) > 1 {
		unit = s[len(s)-1:]
		if n, err := strconv.ParseUint(s[:len(s)-1], 10, 16); err == nil {
			days = int(n)
		}
	}
	switch {
	case unit == "d" && days > 0:
		return now.AddDate(0, 0, -days), nil
	case unit == "w" && days > 0:
		return now.AddDate(0, 0, -7*days), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("since: %q is not a time like \"7d\", \"36h\", \"2026-11-21\" or \"2026-11-21T14:00:00Z\"", s)
	}
	return now.Add(-d), nil
}

func since(r *http.Request, otherwise time.Duration) (time.Time, error) {
	now := time.Now()
	s := r.URL.Query().Get("since")
	if s == "" {
		if otherwise == 0 {
			return time.Time{}, nil
		}
		return now.Add(-otherwise), nil
	}
	t, err := ParseSince(s, now)
	if err != nil {
		return t, badRequest("%v", err)
	}
	return t, nil
}

func number(r *http.Request, name string, most int64) (int64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, badRequest("%s: %q is not a number from 1 to %d", name, s, most)
	}
	return n, nil
}

func (s *Server) history(w http.ResponseWriter, r *http.Request) error {
	if s.History == nil {
		return unavailable("this Holdfast keeps no history")
	}
	q := HistoryQuery{Target: r.URL.Query().Get("target"), Cause: r.URL.Query().Get("cause"), Text: r.URL.Query().Get("q")}
	if len(q.Target)+len(q.Cause)+len(q.Text) > maxQuery {
		return badRequest("what is searched for has more than %d bytes", maxQuery)
	}
	var err error
	if q.Since, err = since(r, 0); err != nil {
		return err
	}
	limit, err := number(r, "limit", wire.MaxPage)
	if err != nil {
		return err
	}
	q.Limit = int(limit)
	if q.Before, err = number(r, "before", 1<<62); err != nil {
		return err
	}
	watched, err := number(r, "watched", 1)
	if err != nil {
		return err
	}
	q.Watched = watched == 1
	return passOn(w, func(b io.Writer) error { return s.History(r.Context(), q, b) })
}

func (s *Server) roundTrips(w http.ResponseWriter, r *http.Request) error {
	if s.RoundTrips == nil {
		return unavailable("this Holdfast keeps no history")
	}
	target := r.URL.Query().Get("target")
	if target == "" || len(target) > maxQuery {
		return badRequest("target: the name of a target is needed")
	}
	from, err := since(r, 24*time.Hour)
	if err != nil {
		return err
	}
	return passOn(w, func(b io.Writer) error { return s.RoundTrips(r.Context(), target, from, b) })
}

// passOn writes what write does; an error only where that comes before anything else.
func passOn(w http.ResponseWriter, write func(io.Writer) error) error {
	out := &lateHeader{w: w}
	if err := write(out); err != nil && !out.began {
		return failed(err)
	}
	return nil
}

// lateHeader sends the headers of an answer with its first byte.
type lateHeader struct {
	w     http.ResponseWriter
	began bool
}

func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.began {
		l.began = true
		l.w.Header().Set("Content-Type", "application/json")
		l.w.Header().Set("Cache-Control", "no-store")
		l.w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	return l.w.Write(p)
}

// History is the kept outages that q asks for, newest first. A limit of more than wire.MaxPage is asked for in pages.
func (c *Client) History(ctx context.Context, q HistoryQuery) (wire.History, error) {
	if q.Limit <= 0 {
		q.Limit = wire.DefaultPage
	}
	all := wire.History{Outages: []wire.PastOutage{}}
	for {
		page := q
		page.Limit = min(q.Limit-len(all.Outages), wire.MaxPage)
		var h wire.History
		if err := c.do(ctx, http.MethodGet, "/v1/history?"+historyQuery(page), nil, &h); err != nil {
			return wire.History{}, err
		}
		all.Outages, all.More = append(all.Outages, h.Outages...), h.More
		if page.Watched {
			all.Watched, q.Watched = h.Watched, false
		}
		if h.Problem != "" {
			all.Problem = h.Problem
		}
		if !h.More || len(h.Outages) == 0 || len(all.Outages) >= q.Limit {
			return all, nil
		}
		q.Before = h.Outages[len(h.Outages)-1].ID
	}
}

func historyQuery(q HistoryQuery) string {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	if !q.Since.IsZero() {
		set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	set("target", q.Target)
	set("cause", q.Cause)
	set("q", q.Text)
	set("limit", strconv.Itoa(q.Limit))
	if q.Before > 0 {
		set("before", strconv.FormatInt(q.Before, 10))
	}
	if q.Watched {
		set("watched", "1")
	}
	return v.Encode()
}

// RoundTrips is the round trips of a target since then, a row for each minute that was watched, oldest first.
func (c *Client) RoundTrips(ctx context.Context, target string, since time.Time) (wire.RoundTrips, error) {
	v := url.Values{"target": {target}}
	if !since.IsZero() {
		v.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	var rt wire.RoundTrips
	err := c.do(ctx, http.MethodGet, "/v1/rtt?"+v.Encode(), nil, &rt)
	return rt, err
}
