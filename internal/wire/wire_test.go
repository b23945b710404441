package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"holdfast/monitor"
	"holdfast/netcheck"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// office is the example of the design document, grown by what views need.
func office() monitor.Event {
	began := at("2026-11-21T12:00:31.2Z")
	v := netcheck.Verdict{
		Cause: netcheck.ProxyRefused, Hop: netcheck.HopProxy, Interface: "eth0", Gateway: netip.MustParseAddr("192.0.2.1"),
		Evidence: []netcheck.Evidence{{
			Time: at("2026-11-21T12:00:38.003999Z"), Hop: netcheck.HopProxy, Saw: "connection refused",
			Where: "198.51.100.9:3128", Seen: netcheck.SeenRefused, RTT: 1250 * time.Microsecond,
		}},
	}
	return monitor.Event{Kind: monitor.AttemptEvent, Snapshot: monitor.Snapshot{
		Time: at("2026-11-21T13:00:38.004512999+01:00"), Seq: 71, State: monitor.Down, Since: at("2026-11-21T12:00:31.6Z"),
		Target: monitor.Target{
			Name: "office", Address: "gate.example.net:7000", Via: "http://proxy.example.net:3128", Heartbeat: "line",
			Send: "PING {nonce}\n", Expect: "PONG {nonce}\n", Interval: 500 * time.Millisecond, Timeout: 2 * time.Second,
		},
		Verdict: v, BrokenSince: began, Attempt: 5, RetryAt: at("2026-11-21T12:00:42.1Z"),
		LegRTT: 900 * time.Nanosecond, LastAnswer: at("2026-11-21T12:00:30.9Z"),
		Way: netcheck.Way{
			Index: 2, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.44"), Gateway: netip.MustParseAddr("192.0.2.1"),
			Destination: netip.MustParseAddr("198.51.100.9"),
		},
		Remote:     "198.51.100.9:3128",
		Proxy:      "http://proxy.example.net:3128",
		Keepalive:  monitor.Keepalive{Enabled: true, Idle: time.Second, Interval: 1500 * time.Millisecond, Count: 3, UserTimeout: 2 * time.Second},
		RenewEvery: 2 * time.Minute, Renewals: 3,
		Evidence: []netcheck.Evidence{{Time: began, Hop: netcheck.HopLink, Where: "eth0", Seen: netcheck.SeenOK, Saw: "carrier \u009b31m\x1b[2Jup"}},
		Attempts: []monitor.Attempt{{Number: 5, Start: at("2026-11-21T12:00:38Z"), Took: 1300 * time.Microsecond, Cause: netcheck.ProxyRefused}},
		Outages:  []monitor.Outage{{Start: began, Verdict: v, Attempts: 5}},
	}}
}

// golden is what programs rely on: the documented fields first and in this order, all of the rest after them.
const golden = `{"time":"2026-11-21T12:00:38.004512Z","target":"office","event":"attempt","state":"down","since":"2026-11-21T12:00:31.600000Z","cause":"proxy-refused",` +
	`"hop":"proxy","also":[],"attempt":5,"retry_at":"2026-11-21T12:00:42.100000Z","rtt_ms":null,"evidence":[{"time":"2026-11-21T12:00:38.003999Z","hop":"proxy","saw":"connection refused","where":"198.51.100.9:3128","seen":"refused","rtt_ms":1.25}],` +
	`"address":"gate.example.net:7000","via":"http://proxy.example.net:3128","proxy":"http://proxy.example.net:3128","heartbeat":"line","interval_ms":500,"timeout_ms":2000,` +
	`"broken_since":"2026-11-21T12:00:31.200000Z","leg_rtt_ms":0.001,"last_answer":"2026-11-21T12:00:30.900000Z","up_since":null,"remote":"198.51.100.9:3128",` +
	`"interface":"eth0","gateway":"192.0.2.1","last_hop":null,` +
	`"way":{"interface":"eth0","index":2,"source":"192.0.2.44","gateway":"192.0.2.1","destination":"198.51.100.9","loopback":false},` +
	`"keepalive":{"enabled":true,"idle_s":1,"interval_s":1.5,"count":3,"user_timeout_ms":2000},` +
	`"renew_every_s":120,"renewals":3,"renewed":false,"removed":false,"stalled":false,"seq":71,` +
	`"hops":[{"time":"2026-11-21T12:00:31.200000Z","hop":"link","saw":"carrier \u009b31m\u001b[2Jup","where":"eth0","seen":"ok","rtt_ms":null}],` +
	`"attempts":[{"number":5,"start":"2026-11-21T12:00:38.000000Z","took_ms":1.3,"cause":"proxy-refused","ok":false}],` +
	`"outages":[{"start":"2026-11-21T12:00:31.200000Z","end":null,"cause":"proxy-refused","hop":"proxy","also":[],"interface":"eth0","gateway":"192.0.2.1","last_hop":null,` +
	`"evidence":[{"time":"2026-11-21T12:00:38.003999Z","hop":"proxy","saw":"connection refused","where":"198.51.100.9:3128","seen":"refused","rtt_ms":1.25}],"attempts":5}]}`

func TestGolden(t *testing.T) {
	o := fromEvent(office())
	if got := string(o.Append(nil)); got != golden {
		t.Errorf("the form changed:\n%s", cmp.Diff(golden, got))
	}
	b, err := json.Marshal(o)
	if err != nil || string(b) != golden {
		t.Errorf("json.Marshal gives another form (%v):\n%s", err, cmp.Diff(golden, string(b)))
	}
}

// The names of the struct tags and those that Append writes must be the same, or a field is lost in decoding.
func TestAllFieldsAreKnown(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(golden))
	d.DisallowUnknownFields()
	var o Object
	if err := d.Decode(&o); err != nil {
		t.Error(err)
	}
}

func TestNothingKnown(t *testing.T) {
	b := lineOf(FromSnapshot(monitor.Snapshot{Target: monitor.Target{Name: "a", Address: "192.0.2.7:7"}, Time: at("2026-01-02T03:04:05Z")}))
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"event", "cause", "hop", "attempt", "retry_at", "rtt_ms", "way", "keepalive", "renew_every_s", "up_since", "gateway"} {
		if v, ok := m[name]; !ok || v != nil {
			t.Errorf("%s = %v, want null", name, v)
		}
	}
	for _, name := range []string{"also", "evidence", "hops", "attempts", "outages"} {
		if v, ok := m[name].([]any); !ok || len(v) != 0 {
			t.Errorf("%s = %v, want []", name, m[name])
		}
	}
	if m["via"] != "direct" || m["heartbeat"] != "none" || m["state"] != "idle" {
		t.Errorf("via %v, heartbeat %v, state %v", m["via"], m["heartbeat"], m["state"])
	}
}

// fromEvent is the whole of e, which an Encoder writes of it where nothing is known yet.
func fromEvent(e monitor.Event) Object {
	o := FromSnapshot(e.Snapshot)
	o.setEvent(&e)
	return o
}

func lineOf(o Object) []byte { return o.Append(nil) }

var (
	genTime = rapid.Custom(func(t *rapid.T) time.Time {
		us := rapid.Int64Range(-1, 4e15).Draw(t, "us") // to the year 2096
		if us < 0 {
			return time.Time{}
		}
		return time.UnixMicro(us).UTC()
	})
	genDuration = rapid.Map(rapid.Int64Range(0, 1<<45), func(us int64) time.Duration { return time.Duration(us) * time.Microsecond })
	genText     = rapid.String()
	genCause    = rapid.Map(rapid.SampledFrom([]string{"", "server-hung", "path-lost", "of-the-future"}), func(s string) netcheck.Cause { return netcheck.Cause(s) })
	genAddr     = rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth\"0"), netip.MustParseAddr("::ffff:192.0.2.1")})
	genEvidence = rapid.Custom(func(t *rapid.T) netcheck.Evidence {
		return netcheck.Evidence{
			Time: genTime.Draw(t, "time"), Hop: netcheck.Hop(genText.Draw(t, "hop")), Where: genText.Draw(t, "where"),
			Seen: netcheck.Seen(genText.Draw(t, "seen")), RTT: genDuration.Draw(t, "rtt"), Saw: genText.Draw(t, "saw"),
		}
	})
	genVerdict = rapid.Custom(func(t *rapid.T) netcheck.Verdict {
		c := genCause.Draw(t, "cause")
		return netcheck.Verdict{
			Cause: c, Hop: c.Hop(), Also: none(rapid.SliceOfN(genCause, 0, 3).Draw(t, "also")), Interface: genText.Draw(t, "interface"),
			Gateway: genAddr.Draw(t, "gateway"), LastHop: genAddr.Draw(t, "last hop"), Evidence: none(rapid.SliceOfN(genEvidence, 0, 3).Draw(t, "evidence")),
		}
	})
	genAttempt = rapid.Custom(func(t *rapid.T) monitor.Attempt {
		return monitor.Attempt{
			Number: rapid.Int().Draw(t, "number"), Start: genTime.Draw(t, "start"), Took: genDuration.Draw(t, "took"),
			Cause: genCause.Draw(t, "cause"), OK: rapid.Bool().Draw(t, "ok"),
		}
	})
	genOutage = rapid.Custom(func(t *rapid.T) monitor.Outage {
		return monitor.Outage{Start: genTime.Draw(t, "start"), End: genTime.Draw(t, "end"), Verdict: genVerdict.Draw(t, "verdict"), Attempts: rapid.Int().Draw(t, "attempts")}
	})
	genEvent = rapid.Custom(func(t *rapid.T) monitor.Event {
		s := monitor.Snapshot{
			Time: time.UnixMicro(rapid.Int64Range(1, 4e15).Draw(t, "time")).UTC(), Seq: rapid.Uint64().Draw(t, "seq"),
			Target: monitor.Target{
				Name: rapid.StringN(1, 20, -1).Draw(t, "name"), Address: genText.Draw(t, "address"), Via: rapid.StringN(1, 20, -1).Draw(t, "via"),
				Heartbeat: rapid.StringN(1, 5, -1).Draw(t, "heartbeat"), Interval: genDuration.Draw(t, "interval"), Timeout: genDuration.Draw(t, "timeout"),
			},
			State: monitor.State(rapid.IntRange(0, int(monitor.Down)).Draw(t, "state")), Since: genTime.Draw(t, "since"), Verdict: genVerdict.Draw(t, "verdict"),
			BrokenSince: genTime.Draw(t, "broken"), Attempt: rapid.Int().Draw(t, "attempt"), RetryAt: genTime.Draw(t, "retry"),
			RTT: genDuration.Draw(t, "rtt"), LegRTT: genDuration.Draw(t, "leg"), LastAnswer: genTime.Draw(t, "answer"), UpSince: genTime.Draw(t, "up"),
			Way: netcheck.Way{
				Index: rapid.Int().Draw(t, "index"), Interface: genText.Draw(t, "interface"), Source: genAddr.Draw(t, "source"),
				Gateway: genAddr.Draw(t, "gateway"), Destination: genAddr.Draw(t, "destination"), Loopback: rapid.Bool().Draw(t, "loopback"),
			},
			Remote: genText.Draw(t, "remote"),
			Keepalive: monitor.Keepalive{
				Enabled: rapid.Bool().Draw(t, "enabled"), Idle: genDuration.Draw(t, "idle"), Interval: genDuration.Draw(t, "every"),
				Count: rapid.Int().Draw(t, "count"), UserTimeout: genDuration.Draw(t, "user timeout"),
			},
			RenewEvery: genDuration.Draw(t, "renew"), Renewals: rapid.Int().Draw(t, "renewals"),
			Evidence: none(rapid.SliceOfN(genEvidence, 0, 3).Draw(t, "hops")),
			Attempts: none(rapid.SliceOfN(genAttempt, 0, 4).Draw(t, "attempts")),
			Outages:  none(rapid.SliceOfN(genOutage, 0, 3).Draw(t, "outages")),
		}
		return monitor.Event{
			Kind:     monitor.EventKind(rapid.IntRange(0, int(monitor.BeatEvent)).Draw(t, "kind")),
			Snapshot: s, Renewed: rapid.Bool().Draw(t, "renewed"), Removed: rapid.Bool().Draw(t, "removed"),
		}
	})
)

// none makes an empty list nil, as decoding does.
func none[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

var byValue = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEvent.Draw(t, "event")
		line := lineOf(fromEvent(want))
		if bytes.ContainsAny(line, "\n\x1b\x07\x7f") {
			t.Fatalf("a line with control characters: %q", line)
		}
		var o Object
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		got, err := o.ToEvent()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, byValue); d != "" {
			t.Fatal(d)
		}
	})
}

// A stream of any events of a few targets arrives as it was sent, whichever lists were left out on the way.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(genEvent, 1, 12).Draw(t, "events")
		for i := range events {
			s := &events[i].Snapshot
			s.Target.Name = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "target")
			if i > 0 && rapid.Bool().Draw(t, "as before") {
				s.Attempts = events[i-1].Snapshot.Attempts
			}
			if i > 0 && rapid.Bool().Draw(t, "as before") {
				s.Outages = events[i-1].Snapshot.Outages
			}
		}
		var buf bytes.Buffer
		enc := NewEncoder(&buf)
		for _, e := range events {
			if err := enc.Encode(e); err != nil {
				t.Fatal(err)
			}
			buf.WriteByte('\n') // an empty line means nothing
		}
		dec := NewDecoder(&buf)
		for i, want := range events {
			o, err := dec.Decode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := o.ToEvent()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, byValue); d != "" {
				t.Fatalf("event %d: %s", i, d)
			}
		}
		if _, err := dec.Decode(); err != io.EOF {
			t.Fatalf("got %v at the end, want EOF", err)
		}
	})
}

func TestFromANewerPeer(t *testing.T) {
	line := strings.NewReplacer(
		`"state":"down"`, `"state":"degraded"`, `"event":"attempt"`, `"event":"omen"`, `"proxy-refused"`, `"proxy-moody"`, `"hop":"proxy"`, `"hop":"moon"`,
		`"seq":71`, `"seq":71,"mood":{"of":["the","day"]}`,
	).Replace(golden)
	var o Object
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		t.Fatal(err)
	}
	e, err := o.ToEvent()
	if err != nil {
		t.Fatal(err)
	}
	if e.Kind != monitor.StateEvent || e.Snapshot.State != monitor.Suspect || e.Snapshot.Verdict.Cause != "proxy-moody" || e.Snapshot.Verdict.Hop != "moon" {
		t.Errorf("got %v, %v, %v", e.Kind, e.Snapshot.State, e.Snapshot.Verdict)
	}
	if o.State != "degraded" || o.Event != "omen" {
		t.Errorf("the codes were not kept: %q, %q", o.State, o.Event)
	}
}

func TestFromAnOlderPeer(t *testing.T) {
	var o Object
	if err := json.Unmarshal([]byte(`{"time":"2026-11-21T12:00:38Z","target":"office","state":"up"}`), &o); err != nil {
		t.Fatal(err)
	}
	s, err := o.Snapshot()
	if err != nil || s.State != monitor.Up || !s.Since.IsZero() || s.Attempts != nil {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestBadObjects(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want error // nil: any
	}{
		"no target":             {`{"time":"2026-11-21T12:00:38Z","state":"up"}` + "\n", ErrIncomplete},
		"no state":              {`{"time":"2026-11-21T12:00:38Z","target":"a","state":null}` + "\n", ErrIncomplete},
		"no time":               {`{"target":"a","state":"up"}` + "\n", ErrIncomplete},
		"null":                  {"null\n", ErrIncomplete},
		"not JSON":              {"hello\n", nil},
		"a list":                {"[]\n", nil},
		"time of another kind":  {`{"time":5}` + "\n", nil},
		"time without a zone":   {`{"time":"2026-11-21T12:00:38"}` + "\n", nil},
		"absurd duration":       {`{"rtt_ms":1e300}` + "\n", nil},
		"duration in words":     {`{"rtt_ms":"fast"}` + "\n", nil},
		"address in words":      {`{"gateway":"the one upstairs"}` + "\n", nil},
		"cut off":               {`{"target":"a"`, io.ErrUnexpectedEOF},
		"longer than an object": {strings.Repeat(" ", maxLine+2) + "\n", ErrLong},
		"without an end":        {strings.Repeat("x", 2*maxLine), ErrLong},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := NewDecoder(strings.NewReader(c.line)).Decode()
			if err == nil {
				_, err = o.ToEvent()
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTimesAreWrittenAsTheStandardLibraryWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := time.Unix(rapid.Int64Range(-62135596799, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
		want := u.UTC().Format(`"2006-01-02T15:04:05.000000Z"`)
		if got := string(appendTime(nil, Time{u})); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
	if got := string(appendTime(nil, Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})); got != "null" {
		t.Errorf("a year of five digits: %s", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(golden + "\n"))
	f.Add([]byte(`{"target":"a","attempts":null,"outages":[{}]}` + "\n" + `{"target":"a","removed":true}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dec := NewDecoder(bytes.NewReader(b))
		for {
			o, err := dec.Decode()
			if err != nil {
				return
			}
			e, err := o.ToEvent()
			if err != nil {
				continue
			}
			line := lineOf(fromEvent(e))
			var again Object
			if err := json.Unmarshal(line, &again); err != nil {
				t.Fatalf("what was understood cannot be said again: %v in %s", err, line)
			}
		}
	})
}

func TestABeatAllocatesNothing(t *testing.T) {
	e := office()
	e.Kind = monitor.BeatEvent
	enc := NewEncoder(io.Discard)
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		e.Snapshot.Seq++
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a beat, want none", n)
	}
}

func BenchmarkEncodeBeat(b *testing.B) {
	e := office()
	e.Kind = monitor.BeatEvent
	var size int
	enc := NewEncoder(writerFunc(func(p []byte) (int, error) { size = len(p); return len(p), nil }))
	b.ReportAllocs()
	for b.Loop() {
		e.Snapshot.Seq++
		if err := enc.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size), "bytes/line")
}

func BenchmarkDecodeBeat(b *testing.B) {
	var buf bytes.Buffer
	enc := NewEncoder(&buf)
	for range 1000 {
		if err := enc.Encode(office()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	dec := NewDecoder(nil)
	for b.Loop() {
		dec.r.Reset(bytes.NewReader(buf.Bytes()))
		for range 1000 {
			if _, err := dec.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func ExampleEncoder() {
	enc := NewEncoder(writerFunc(func(p []byte) (int, error) { return fmt.Printf("%.96s…\n", p) }))
	_ = enc.Encode(office())
	// Output: {"time":"2026-11-21T12:00:38.004512Z","target":"office","event":"attempt","state":"down","since"…
}
