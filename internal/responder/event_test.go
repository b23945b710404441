package responder

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestEventForms(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 38, 4_512_000, time.UTC)
	client := netip.MustParseAddrPort("192.0.2.7:51234")
	for _, tt := range []struct {
		name, text, json string
		e                Event
	}{
		{"came", "192.0.2.7:51234 came",
			`{"time":"2026-11-21T12:00:38.004512Z","event":"came","client":"192.0.2.7:51234","after_s":0,"beats":0,"why":null}`,
			Event{Time: at, Client: client}},
		{"went", "192.0.2.7:51234 went after 12.3 s, 1 heartbeat",
			`{"time":"2026-11-21T12:00:38.004512Z","event":"went","client":"192.0.2.7:51234","after_s":12.345,"beats":1,"why":null}`,
			Event{Time: at, Client: client, Kind: Went, After: 12345678 * time.Microsecond, Beats: 1}},
		{"silent, hung program", "192.0.2.7:51234 fell silent: nothing for 1.4 s, 24 heartbeats before (its computer still answers)",
			`{"time":"2026-11-21T12:00:38.004512Z","event":"silent","client":"192.0.2.7:51234","after_s":1.351,"beats":24,"why":"its computer still answers"}`,
			Event{Time: at, Client: client, Kind: Silent, After: 1351 * time.Millisecond, Beats: 24, Why: "its computer still answers"}},
		{"events lost before it", "[2001:db8::7]:51234 is back after 5.0 s of silence [3 events before this one were dropped]",
			`{"time":"2026-11-21T12:00:38.004512Z","event":"back","client":"[2001:db8::7]:51234","after_s":5,"beats":0,"why":null,"dropped":3}`,
			Event{Time: at, Client: netip.MustParseAddrPort("[2001:db8::7]:51234"), Kind: Back, After: 5 * time.Second, Dropped: 3}},
		{"not TCP", "a client was reset after 0.0 s, 0 heartbeats",
			`{"time":"2026-11-21T12:00:38.004512Z","event":"reset","client":null,"after_s":0,"beats":0,"why":null}`,
			Event{Time: at, Kind: Reset}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, stamp := tt.e.String(), at.Local().Format("2006-01-02 15:04:05.000 ")
			if text != stamp+tt.text {
				t.Errorf("got  %q\nwant %q", text, stamp+tt.text)
			}
			j, err := json.Marshal(tt.e)
			if err != nil || string(j) != tt.json {
				t.Errorf("got  %s (%v)\nwant %s", j, err, tt.json)
			}
		})
	}
	for k := Came; k <= Ended; k++ {
		if s := (Event{Time: at, Client: client, Kind: k}).String(); strings.Contains(s, "kind(") || strings.ContainsAny(s, "\n\x1b") {
			t.Errorf("%v: %q", k, s)
		}
	}
}

func TestQueueDropsRatherThanWaits(t *testing.T) {
	q := queue{wake: make(chan struct{}, 1)}
	q.put(Event{}) // nobody reads: nothing is kept
	q.open()
	for range maxWaiting + 5 {
		q.put(Event{})
	}
	first := q.waiting
	q.waiting = nil
	q.put(Event{Kind: Went})
	q.close()
	var got []Event
	q.run(func(e Event) { got = append(got, e) })
	if len(first) != maxWaiting || len(got) != 1 || got[0].Dropped != 5 {
		t.Errorf("kept %d, then %v; want %d, then one that tells of 5 dropped", len(first), got, maxWaiting)
	}
}
