package wire

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var kept = PastOutage{
	ID: 41, Target: "office \u202e\x1b[2J", Start: Time{at("2026-11-21T12:00:31.2Z")}, End: Time{at("2026-11-21T12:00:38.0000049Z").Truncate(time.Microsecond)}, Ended: Healed,
	Cause: "proxy-refused", Hop: "proxy", Also: []string{"proxy-closed"}, Attempts: 5, Address: "gate.example.net:7000", Interface: "eth0",
	Gateway: netip.MustParseAddr("192.0.2.1"), Proxy: "http://proxy.example.net:3128",
	Evidence: []Evidence{{Time: Time{at("2026-11-21T12:00:31.3Z")}, Hop: "proxy", Saw: "connection refused", Where: "198.51.100.9:3128", Seen: "refused", RTT: Millis(time.Millisecond)}},
	Causes:   []CauseTime{{Time{at("2026-11-21T12:00:31.4Z")}, "proxy-closed"}, {Time{at("2026-11-21T12:00:32Z")}, "proxy-refused"}},
}

const keptGolden = `{"outages":[{"id":41,"target":"office \u202e\u001b[2J","start":"2026-11-21T12:00:31.200000Z","end":"2026-11-21T12:00:38.000004Z","ended":"healed","watched_again":null,` +
	`"cause":"proxy-refused","hop":"proxy","also":["proxy-closed"],"attempts":5,"address":"gate.example.net:7000","interface":"eth0","gateway":"192.0.2.1","last_hop":null,` +
	`"proxy":"http://proxy.example.net:3128","evidence":[{"time":"2026-11-21T12:00:31.300000Z","hop":"proxy","saw":"connection refused","where":"198.51.100.9:3128","seen":"refused","rtt_ms":1}],` +
	`"causes":[{"time":"2026-11-21T12:00:31.400000Z","cause":"proxy-closed"},{"time":"2026-11-21T12:00:32.000000Z","cause":"proxy-refused"}]},` +
	`{"id":0,"target":"","start":null,"end":null,"ended":null,"watched_again":null,"cause":null,"hop":null,"also":[],"attempts":0,"address":null,"interface":null,"gateway":null,` +
	`"last_hop":null,"proxy":null,"evidence":[],"causes":[]}],"more":true,"problem":null,"watched":null}`

// What is kept is read for years: its form only grows.
func TestHistoryForm(t *testing.T) {
	h := History{Outages: []PastOutage{kept, {}}, More: true}
	if got := string(h.Append(nil)); got != keptGolden {
		t.Error(cmp.Diff(keptGolden, got))
	}
	var back History
	if err := json.Unmarshal([]byte(keptGolden), &back); err != nil {
		t.Fatal(err)
	}
	h.Outages[1] = PastOutage{Also: []string{}, Evidence: []Evidence{}, Causes: []CauseTime{}}
	if d := cmp.Diff(h, back, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestWatchedForm(t *testing.T) {
	h := History{Outages: []PastOutage{}, Watched: []Watched{{"a", Time{at("2026-11-21T12:00:00Z")}, Time{at("2026-11-22T00:00:00.5Z")}}}}
	const want = `{"outages":[],"more":false,"problem":null,"watched":[{"target":"a","from":"2026-11-21T12:00:00.000000Z","to":"2026-11-22T00:00:00.500000Z"}]}`
	got := string(h.Append(nil))
	var back History
	if err := json.Unmarshal([]byte(got), &back); err != nil || got != want {
		t.Errorf("%v: %s", err, got)
	}
	if d := cmp.Diff(h, back); d != "" {
		t.Error(d)
	}
}

func TestRoundTripsForm(t *testing.T) {
	r := RoundTrips{Target: "office", Minutes: []Minute{
		{Time: Time{at("2026-11-21T12:00:00Z")}, Min: Millis(time.Millisecond), Mean: Millis(1500 * time.Microsecond), Max: Millis(2 * time.Millisecond), Beats: 59, Lost: 1, Up: Length(58500 * time.Millisecond), Watched: Length(time.Minute)},
		{Time: Time{at("2026-11-21T12:01:00Z")}, Watched: Length(time.Minute)},
	}}
	const want = `{"target":"office","minutes":[{"time":"2026-11-21T12:00:00.000000Z","min_ms":1,"mean_ms":1.5,"max_ms":2,"beats":59,"lost":1,"up_s":58.5,"watched_s":60},` +
		`{"time":"2026-11-21T12:01:00.000000Z","min_ms":null,"mean_ms":null,"max_ms":null,"beats":0,"lost":0,"up_s":0,"watched_s":60}]}`
	if got := string(r.Append(nil)); got != want {
		t.Error(cmp.Diff(want, got))
	}
	var back RoundTrips
	if err := json.Unmarshal([]byte(want), &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Error(d)
	}
}
