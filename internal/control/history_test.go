package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/wire"
)

func TestParseSince(t *testing.T) {
	zone := time.FixedZone("here", 3600)
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, zone)
	for s, want := range map[string]time.Time{
		"90m":                       now.Add(-90 * time.Minute),
		"36h":                       now.Add(-36 * time.Hour),
		"7d":                        now.AddDate(0, 0, -7),
		"2w":                        now.AddDate(0, 0, -14),
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, zone),
		"2026-11-20T12:30:00Z":      time.Date(2026, 11, 20, 12, 30, 0, 0, time.UTC),
		"2026-11-20T12:30:00+08:00": time.Date(2026, 11, 20, 4, 30, 0, 0, time.UTC),
	} {
		if got, err := ParseSince(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "7", "0d", "-7d", "-1h", "week", "99999999d", "2026-13-01"} {
		if got, err := ParseSince(s, now); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

// A long list comes in pages, and every one of a query's parts gets through.
func TestHistory(t *testing.T) {
	const kept = 12345
	since := time.Date(2026, 11, 20, 12, 0, 0, 5000, time.UTC)
	var pages []HistoryQuery
	_, c := start(t, &Server{Engine: newEngine("a"), History: func(_ context.Context, q HistoryQuery, w io.Writer) error {
		pages = append(pages, q)
		h := wire.History{Problem: "the disk is full"}
		from := int64(kept)
		if q.Before > 0 {
			from = q.Before - 1
		}
		for id := from; id > 0 && len(h.Outages) < q.Limit; id-- {
			h.Outages = append(h.Outages, wire.PastOutage{ID: id, Target: "北京 & more", Start: wire.Time{Time: since}})
		}
		h.More = h.Outages[len(h.Outages)-1].ID > 1
		if q.Watched {
			h.Watched = []wire.Watched{{Target: "北京 & more", From: wire.Time{Time: since}}}
		}
		_, err := w.Write(h.Append(nil))
		return err
	}})
	q := HistoryQuery{Since: since, Target: "北京 & more", Cause: "path-lost", Text: "100% #1", Limit: 11000, Watched: true}
	got, err := c.History(t.Context(), q)
	if err != nil || len(got.Outages) != 11000 || got.Outages[0].ID != kept || got.Outages[10999].ID != kept-10999 || !got.More || got.Problem == "" || len(got.Watched) != 1 {
		t.Fatalf("%v: %d outages, more %v, problem %q", err, len(got.Outages), got.More, got.Problem)
	}
	want := []HistoryQuery{q, q, q}
	want[0].Limit, want[1].Limit, want[2].Limit = 5000, 5000, 1000
	want[1].Before, want[2].Before = kept-4999, kept-9999
	want[1].Watched, want[2].Watched = false, false // all of it came with the first
	if d := cmp.Diff(want, pages); d != "" {
		t.Error(d)
	}
	if got, err = c.History(t.Context(), HistoryQuery{Limit: 20000}); err != nil || len(got.Outages) != kept || got.More {
		t.Errorf("all: %v, %d, more %v", err, len(got.Outages), got.More)
	}
}

func TestRoundTrips(t *testing.T) {
	since := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	_, c := start(t, &Server{Engine: newEngine("a"), RoundTrips: func(_ context.Context, target string, from time.Time, w io.Writer) error {
		if target == "b" {
			return errors.New("it cannot be read")
		}
		if !from.Equal(since) {
			return fmt.Errorf("since %v", from)
		}
		r := wire.RoundTrips{Target: target, Minutes: []wire.Minute{{Time: wire.Time{Time: since}, Beats: 60}}}
		_, err := w.Write(r.Append(nil))
		return err
	}})
	got, err := c.RoundTrips(t.Context(), "a/..%2F 北京", since)
	if err != nil || got.Target != "a/..%2F 北京" || len(got.Minutes) != 1 || got.Minutes[0].Beats != 60 {
		t.Errorf("%v: %+v", err, got)
	}
	var e *Error
	if _, err = c.RoundTrips(t.Context(), "b", since); !errors.As(err, &e) || e.Code != CodeFailed || e.Msg != "it cannot be read" {
		t.Errorf("got %v", err)
	}
}

func TestHistoryRefusals(t *testing.T) {
	nothing := func(context.Context, HistoryQuery, io.Writer) error { return nil }
	_, with := start(t, &Server{Engine: newEngine("a"), History: nothing, RoundTrips: func(context.Context, string, time.Time, io.Writer) error { return nil }})
	_, without := start(t, &Server{Engine: newEngine("a")})
	for path, r := range map[string]struct {
		c      *Client
		status int
		code   string
	}{
		"/v1/history?since=week":  {with, 400, CodeBadRequest},
		"/v1/history?limit=5001":  {with, 400, CodeBadRequest},
		"/v1/history?limit=0":     {with, 400, CodeBadRequest},
		"/v1/history?before=-1":   {with, 400, CodeBadRequest},
		"/v1/history?watched=yes": {with, 400, CodeBadRequest},
		"/v1/rtt":                 {with, 400, CodeBadRequest},
		"/v1/rtt?target=a&since=": {without, 501, CodeUnavailable},
		"/v1/history":             {without, 501, CodeUnavailable},
	} {
		var e *Error
		if err := r.c.do(t.Context(), http.MethodGet, path, nil, nil); !errors.As(err, &e) || e.Status != r.status || e.Code != r.code {
			t.Errorf("%s: got %v, want %d %s", path, err, r.status, r.code)
		}
	}
}
