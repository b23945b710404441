package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"holdfast/internal/config"
	"holdfast/internal/wire"
	"holdfast/monitor"
)

// An Engine watches the targets; ForFleet makes one.
type Engine interface {
	Snapshots() []monitor.Snapshot
	Snapshot(name string) (monitor.Snapshot, bool)
	Subscribe(beats bool) Subscription
	Reconnect(names ...string) error
	Pause(names ...string) error
	Resume(names ...string) error
	Trace(name string) []monitor.Sample
	Stalled(now time.Time) []string
}

// A Subscription is a *monitor.Subscription.
type Subscription interface {
	Next(ctx context.Context) (monitor.Event, error)
	Close()
}

// Settler keeps the settings; *config.Store is one.
type Settler interface {
	Path() string
	// Current returns the settings in force, and what is wrong with the file, if anything.
	Current() (config.Settings, error)
	// Edit changes the file and what is in force.
	Edit(rewrite bool, changes ...config.Change) error
}

// A Server answers on the control socket. Engine must be set. Functions may be nil: their routes then answer 501 with code
// "unavailable". They are called from any goroutine.
type Server struct {
	Engine   Engine
	Settings Settler
	Version  string
	Logger   *slog.Logger // nil: nothing is logged

	// OpenWindow opens the window or brings it to the front. It does not wait for the window's end.
	OpenWindow func() error
	// Try watches a target of its own until ctx ends, handing over its events from one goroutine. It was checked. The
	// function Try does it. The password is for its proxy; "" is the one that is kept.
	Try func(ctx context.Context, t monitor.Target, password string, event func(monitor.Event))
	// Password keeps the password of the proxy of a target, of which via and address are set.
	Password func(ctx context.Context, t monitor.Target, password string) error
	// Demo tells the built-in responder what to do.
	Demo func(mode string) error
	// Drilled says what that has been told last, and when; the zero time if it never was. Nil: that is not known.
	Drilled func() (mode string, since time.Time)
	// History writes the wire.History that is asked for, as JSON, and RoundTrips the wire.RoundTrips. What they return as
	// an error they have written nothing of.
	History    func(ctx context.Context, q HistoryQuery, w io.Writer) error
	RoundTrips func(ctx context.Context, target string, since time.Time, w io.Writer) error
	// Autostart says whether the program is started at login, SetAutostart changes it.
	Autostart    func() (Autostart, error)
	SetAutostart func(on bool) error
	// NoIcon reports whether nothing on this desktop shows the tray icon that is wanted; nil: none is, or it is shown.
	NoIcon func() bool
	// Quit asks the program to end. It does not wait for that.
	Quit func()

	once    sync.Once
	handler http.Handler
	started time.Time
	streams chan struct{} // one for each open stream
	trials  chan struct{}
	pauses  pauses
	tally   tally
}

const (
	maxBody    = 64 << 10
	maxStreams = 32
	maxTrials  = 4
	maxConns   = 128

	headerWithin = 5 * time.Second
	bodyWithin   = 10 * time.Second
	writeWithin  = 30 * time.Second // a reader that takes nothing for so long is gone, or might as well be
	tryFor       = 10 * time.Second
	keepIdle     = time.Minute
)

// Serve answers on l until ctx ends, and closes l. It returns when every request has ended; streams end at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(ctx)
	logger := s.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       bodyWithin,
		IdleTimeout:       keepIdle,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slogLog(logger),
	}
	defer s.pauses.stop()
	var counting sync.WaitGroup
	counting.Go(func() { s.tally.run(base, s.Engine) })
	defer counting.Wait()
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(netutil.LimitListener(l, maxConns)) }()
	var err error
	select {
	case err = <-done:
		cancel()
	case <-ctx.Done():
	}
	// What is being answered may finish, but nobody may keep the program from ending.
	grace, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancelGrace()
	if srv.Shutdown(grace) != nil {
		_ = srv.Close()
	}
	if err == nil {
		<-done
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

// slogLog is what net/http logs to: broken clients and panics.
func slogLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelWarn) }

// Handler answers the requests that the package comment lists. It is what Serve uses.
func (s *Server) Handler() http.Handler {
	s.once.Do(s.build)
	return s.handler
}

func (s *Server) build() {
	s.started = time.Now()
	s.streams = make(chan struct{}, maxStreams)
	s.trials = make(chan struct{}, maxTrials)
	s.pauses.resume = s.Engine.Resume

	mux := http.NewServeMux()
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin)) // a recorder in a test has none
			if err := f(w, r); err != nil {
				refuse(w, err)
			}
		})
	}
	handle("GET /v1/status", s.status)
	handle("GET /v1/events", s.events)
	for what, all := range map[string]func(*http.Request, ...string) error{"reconnect": s.reconnect, "pause": s.pause, "resume": s.resume} {
		handle("POST /v1/"+what, func(w http.ResponseWriter, r *http.Request) error {
			if err := all(r); err != nil {
				return err
			}
			return nothing(w)
		})
		handle("POST /v1/targets/{name}/"+what, func(w http.ResponseWriter, r *http.Request) error {
			snap, err := s.target(r)
			if err != nil {
				return err
			}
			if err := all(r, snap.Target.Name); err != nil {
				return err
			}
			return nothing(w)
		})
	}
	handle("GET /v1/targets/{name}", func(w http.ResponseWriter, r *http.Request) error {
		snap, err := s.target(r)
		if err != nil {
			return err
		}
		o := wire.FromSnapshot(snap)
		o.Stalled = slices.Contains(s.Engine.Stalled(time.Now()), o.Target)
		return answer(w, o)
	})
	handle("GET /v1/targets/{name}/trace", s.trace)
	handle("GET /v1/history", s.history)
	handle("GET /v1/rtt", s.roundTrips)
	handle("POST /v1/window", func(w http.ResponseWriter, _ *http.Request) error {
		if s.OpenWindow == nil {
			return unavailable("this Holdfast has no window")
		}
		if err := s.OpenWindow(); err != nil {
			return failed(err)
		}
		return nothing(w)
	})
	handle("GET /v1/settings", s.getSettings)
	handle("PUT /v1/settings", s.putSettings)
	handle("PUT /v1/settings/targets/{name}", s.putTarget)
	handle("DELETE /v1/settings/targets/{name}", func(w http.ResponseWriter, r *http.Request) error {
		return s.edit(w, r, config.RemoveTarget(segment(r, "name")))
	})
	handle("POST /v1/try", s.try)
	handle("PUT /v1/password", s.password)
	handle("POST /v1/demo/{mode}", func(w http.ResponseWriter, r *http.Request) error {
		if s.Demo == nil {
			return unavailable("there is no demo: it is switched off in the settings")
		}
		if err := s.Demo(segment(r, "mode")); err != nil {
			return &Error{Status: http.StatusUnprocessableEntity, Code: CodeBadRequest, Msg: err.Error()}
		}
		return nothing(w)
	})
	handle("GET /v1/autostart", func(w http.ResponseWriter, _ *http.Request) error {
		if s.Autostart == nil {
			return unavailable("this Holdfast knows nothing of logins")
		}
		a, err := s.Autostart()
		if err != nil {
			return err
		}
		return answer(w, a)
	})
	handle("PUT /v1/autostart", func(w http.ResponseWriter, r *http.Request) error {
		var want struct {
			On *bool `json:"on"`
		}
		if err := body(r, &want); err != nil {
			return err
		}
		if want.On == nil {
			return badRequest("on: true or false was expected")
		}
		if s.SetAutostart == nil {
			return unavailable("this Holdfast knows nothing of logins")
		}
		if err := s.SetAutostart(*want.On); err != nil {
			return err
		}
		return nothing(w)
	})
	handle("POST /v1/quit", func(w http.ResponseWriter, _ *http.Request) error {
		if s.Quit == nil {
			return unavailable("this Holdfast cannot be ended from here")
		}
		if err := nothing(w); err != nil {
			return err
		}
		_ = http.NewResponseController(w).Flush()
		s.Quit()
		return nil
	})
	handle("GET /metrics", s.metrics)

	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ServeMux takes a segment that is an escaped slash for a slash at the end of the path.
		if strings.Contains(r.URL.RawPath, "/%2F/") || strings.HasSuffix(r.URL.RawPath, "/%2F") {
			r = r.Clone(r.Context())
			r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath+"/", "/%2F/", "/%00/")
			r.URL.RawPath = r.URL.RawPath[:len(r.URL.RawPath)-1]
			r.URL.Path, _ = url.PathUnescape(r.URL.RawPath) // what was escaped well still is
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			w = &inJSON{ResponseWriter: w}
		}
		mux.ServeHTTP(w, r)
	})
}

// inJSON turns the plain "not found" and "method not allowed" of the mux into an error like all others.
type inJSON struct {
	http.ResponseWriter
	said bool
}

func (w *inJSON) WriteHeader(status int) {
	w.said = true
	msg := "there is no such thing here; the package documentation lists what there is"
	if status == http.StatusMethodNotAllowed {
		msg = "use " + w.Header().Get("Allow")
	}
	refuse(w.ResponseWriter, &Error{Status: status, Code: CodeNoRoute, Msg: msg})
}

func (w *inJSON) Write(p []byte) (int, error) {
	if !w.said {
		w.WriteHeader(http.StatusNotFound)
	}
	return len(p), nil
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) error {
	now := time.Now()
	st := Status{
		Version: s.Version, PID: os.Getpid(), Started: wire.Time{Time: s.started}, Time: wire.Time{Time: now},
		Targets: []wire.Object{}, Stalled: s.Engine.Stalled(now), PausedUntil: s.pauses.list(), Demo: s.Demo != nil,
	}
	if s.Drilled != nil {
		if mode, since := s.Drilled(); !since.IsZero() {
			st.Drill = &Drill{Mode: mode, Since: wire.Time{Time: since}}
		}
	}
	if st.Stalled == nil {
		st.Stalled = []string{}
	}
	for _, snap := range s.Engine.Snapshots() {
		o := wire.FromSnapshot(snap)
		o.Stalled = slices.Contains(st.Stalled, o.Target)
		st.Targets = append(st.Targets, o)
	}
	st.NoIcon = s.NoIcon != nil && s.NoIcon()
	if s.Settings != nil {
		if _, err := s.Settings.Current(); err != nil {
			st.Problem = err.Error()
		}
	}
	return answer(w, st)
}

// events writes until the client leaves, the program ends, or nothing can be written for a while.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	beats, err := flag(r, "beats")
	if err != nil {
		return err
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return &Error{Status: http.StatusServiceUnavailable, Code: CodeTooMany, Msg: fmt.Sprintf("there are %d streams of events already", maxStreams)}
	}
	sub := s.Engine.Subscribe(beats)
	defer sub.Close()
	out := startLines(w)
	for {
		e, err := sub.Next(r.Context())
		if err != nil {
			return nil // the client or the program has ended
		}
		if err := out.event(e); err != nil {
			return nil // too slow, or gone
		}
	}
}

// lines is a stream of objects, each sent as soon as it is there.
type lines struct {
	rc  *http.ResponseController
	enc *wire.Encoder
}

func startLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	l := &lines{rc: http.NewResponseController(w), enc: wire.NewEncoder(w)}
	_ = l.rc.Flush() // a stream without targets has nothing to say, but is there
	return l
}

func (l *lines) event(e monitor.Event) error {
	_ = l.rc.SetWriteDeadline(time.Now().Add(writeWithin))
	if err := l.enc.Encode(e); err != nil {
		return err
	}
	return l.rc.Flush()
}

func (s *Server) target(r *http.Request) (monitor.Snapshot, error) {
	name := segment(r, "name")
	snap, ok := s.Engine.Snapshot(name)
	if !ok {
		return snap, unknownTarget(name)
	}
	return snap, nil
}

// segment is a part of the path, as Handler prepared it.
func segment(r *http.Request, key string) string {
	if v := r.PathValue(key); v != "\x00" {
		return v
	}
	return "/"
}

func (s *Server) reconnect(_ *http.Request, names ...string) error {
	return s.Engine.Reconnect(names...)
}

func (s *Server) pause(r *http.Request, names ...string) error {
	until, err := s.until(r)
	if err != nil {
		return err
	}
	if err := s.Engine.Pause(names...); err != nil {
		return err
	}
	if len(names) == 0 {
		for _, snap := range s.Engine.Snapshots() {
			names = append(names, snap.Target.Name)
		}
	}
	s.pauses.set(until, names...)
	return nil
}

// until reads the end of a pause; zero when none is given.
func (s *Server) until(r *http.Request) (time.Time, error) {
	q := r.URL.Query()
	now := time.Now()
	var until time.Time
	switch length, end := q.Get("for"), q.Get("until"); {
	case length != "" && end != "":
		return until, badRequest("give either for or until")
	case length != "":
		d, err := time.ParseDuration(length)
		if err != nil {
			return until, badRequest("for: %q is not a duration like \"1h\" or \"30m\"", length)
		}
		until = now.Add(d)
	case end != "":
		t, err := time.Parse(time.RFC3339Nano, end)
		if err != nil {
			return until, badRequest("until: %q is not a time like \"2026-11-21T14:00:00Z\"", end)
		}
		until = t
	default:
		return until, nil
	}
	if !until.After(now) || until.Sub(now) > maxPause {
		return until, badRequest("a pause ends in the future, and within a year")
	}
	return until, nil
}

const maxPause = 366 * 24 * time.Hour

func (s *Server) resume(_ *http.Request, names ...string) error {
	s.pauses.drop(names...)
	return s.Engine.Resume(names...)
}

func (s *Server) trace(w http.ResponseWriter, r *http.Request) error {
	snap, err := s.target(r)
	if err != nil {
		return err
	}
	trace := s.Engine.Trace(snap.Target.Name)
	list := make([]sampleJSON, len(trace))
	for i, t := range trace {
		list[i] = sampleJSON{wire.Time{Time: t.Time}, wire.Millis(t.RTT)}
	}
	return answer(w, list)
}

func (s *Server) getSettings(w http.ResponseWriter, _ *http.Request) error {
	if s.Settings == nil {
		return unavailable("this Holdfast has no settings file")
	}
	now, err := s.Settings.Current()
	j := toSettingsJSON(now)
	j.Path = s.Settings.Path()
	var list config.Errors
	switch {
	case errors.As(err, &list):
		for _, e := range list {
			j.Problems = append(j.Problems, problemJSON{File: e.File, Line: e.Line, Column: e.Column, Key: e.Key, Msg: e.Msg})
		}
	case err != nil:
		j.Problems = append(j.Problems, problemJSON{File: j.Path, Msg: err.Error()})
	}
	return answer(w, j)
}

func toSettingsJSON(s config.Settings) settingsJSON {
	j := settingsJSON{
		Language: s.Language, Demo: s.Demo, History: &historyJSON{s.History.Kept()}, Notify: fromNotify(s.Notify),
		Tray: &trayJSON{s.Tray.Badge}, Targets: []targetJSON{}, Problems: []problemJSON{},
	}
	for _, t := range s.Targets {
		j.Targets = append(j.Targets, fromTarget(t))
	}
	return j
}

func (s *Server) putSettings(w http.ResponseWriter, r *http.Request) error {
	var j settingsJSON
	if err := body(r, &j); err != nil {
		return err
	}
	if s.Settings == nil {
		return unavailable("this Holdfast has no settings file")
	}
	now, _ := s.Settings.Current()
	want := config.Settings{Demo: j.Demo, Language: j.Language, History: now.History, Notify: now.Notify, Tray: now.Tray}
	if err := j.own(&want); err != nil {
		return err
	}
	for _, t := range j.Targets {
		target, err := t.target()
		if err != nil {
			return err
		}
		want.Targets = append(want.Targets, target)
	}
	return s.edit(w, r, config.SetAll(want))
}

// own puts what j says of history, notifications and the icon into s.
func (j *settingsJSON) own(s *config.Settings) error {
	if j.Tray != nil {
		s.Tray.Badge = j.Tray.Badge
	}
	if j.History != nil {
		if j.History.Days < 1 {
			return &Error{Status: http.StatusUnprocessableEntity, Code: CodeBadSetting, Field: "history.days", Msg: "history.days: a number of 1 or more was expected"}
		}
		if s.History.Days = j.History.Days; s.History.Days == config.DefaultDays {
			s.History.Days = 0
		}
	}
	if j.Notify == nil {
		return nil
	}
	var err error
	s.Notify, err = j.Notify.notify()
	return err
}

func (s *Server) putTarget(w http.ResponseWriter, r *http.Request) error {
	var j targetJSON
	if err := body(r, &j); err != nil {
		return err
	}
	t, err := j.target()
	if err != nil {
		return err
	}
	return s.edit(w, r, config.SetTarget(segment(r, "name"), t))
}

func (s *Server) edit(w http.ResponseWriter, r *http.Request, changes ...config.Change) error {
	if s.Settings == nil {
		return unavailable("this Holdfast has no settings file")
	}
	rewrite, err := flag(r, "rewrite")
	if err != nil {
		return err
	}
	if err := s.Settings.Edit(rewrite, changes...); err != nil {
		return err
	}
	return nothing(w)
}

func (s *Server) try(w http.ResponseWriter, r *http.Request) error {
	var j tryJSON
	if err := body(r, &j); err != nil {
		return err
	}
	if j.Name == "" {
		j.Name = j.Address // it is not saved: a name is not needed yet
	}
	t, err := j.target()
	if err != nil {
		return err
	}
	if err := config.Check(t); err != nil {
		return err
	}
	if s.Try == nil {
		return unavailable("this Holdfast cannot try a target")
	}
	select {
	case s.trials <- struct{}{}:
		defer func() { <-s.trials }()
	default:
		return &Error{Status: http.StatusServiceUnavailable, Code: CodeTooMany, Msg: fmt.Sprintf("%d targets are being tried already", maxTrials)}
	}
	ctx, cancel := context.WithTimeout(r.Context(), tryFor)
	defer cancel()
	out := startLines(w)
	s.Try(ctx, t, j.Password, func(e monitor.Event) {
		if out.event(e) != nil {
			cancel()
		}
	})
	return nil
}

func (s *Server) password(w http.ResponseWriter, r *http.Request) error {
	var j passwordJSON
	if err := body(r, &j); err != nil {
		return err
	}
	if s.Password == nil {
		return unavailable("this Holdfast keeps no passwords")
	}
	if err := s.Password(r.Context(), monitor.Target{Address: j.Address, Via: j.Via}, j.Password); err != nil {
		return err
	}
	return nothing(w)
}

// body reads one JSON value and nothing behind it. An unknown field is refused: it would be lost.
func body(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is more behind the JSON value")
			if more != nil {
				err = more
			}
		}
	}
	var large *http.MaxBytesError
	var typed *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: CodeTooLarge, Msg: fmt.Sprintf("the request has more than %d bytes", maxBody)}
	case errors.As(err, &typed):
		return &Error{Status: http.StatusBadRequest, Code: CodeBadRequest, Field: typed.Field, Msg: fmt.Sprintf("%s: a %s cannot be used here", typed.Field, typed.Value)}
	case errors.Is(err, io.EOF):
		return badRequest("the request has no body; JSON was expected")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: http.StatusRequestTimeout, Code: CodeBadRequest, Msg: "the request did not come in time"}
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field = strings.Trim(field, `"`)
		return &Error{Status: http.StatusBadRequest, Code: CodeBadRequest, Field: field, Msg: fmt.Sprintf("%q is not known", field)}
	}
	return badRequest("not the JSON that was expected: %v", err)
}

func flag(r *http.Request, name string) (bool, error) {
	switch v := r.URL.Query().Get(name); v {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	default:
		return false, badRequest("%s: %q is neither 0 nor 1", name, v)
	}
}

func badRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeBadRequest, Msg: fmt.Sprintf(format, args...)}
}

func unknownTarget(name string) *Error {
	return &Error{Status: http.StatusNotFound, Code: CodeUnknownTarget, Msg: fmt.Sprintf("there is no target %q", name)}
}

func unavailable(msg string) *Error {
	return &Error{Status: http.StatusNotImplemented, Code: CodeUnavailable, Msg: msg}
}

func failed(err error) *Error {
	return &Error{Status: http.StatusInternalServerError, Code: CodeFailed, Msg: err.Error()}
}

// refuse says what went wrong.
func refuse(w http.ResponseWriter, err error) {
	var e *Error
	var setting *config.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, config.ErrLayout):
		e = &Error{Status: http.StatusConflict, Code: CodeLayout, Msg: err.Error()}
	case errors.Is(err, config.ErrDuplicate):
		e = &Error{Status: http.StatusConflict, Code: CodeDuplicate, Field: "name", Msg: err.Error()}
	case errors.Is(err, config.ErrUnknownTarget), errors.Is(err, monitor.ErrUnknownTarget):
		e = &Error{Status: http.StatusNotFound, Code: CodeUnknownTarget, Msg: err.Error()}
	case errors.Is(err, config.ErrBroken):
		e = &Error{Status: http.StatusConflict, Code: CodeBroken, Msg: err.Error()}
	case errors.As(err, &setting):
		e = &Error{Status: http.StatusUnprocessableEntity, Code: CodeBadSetting, Field: setting.Key, Msg: err.Error()}
	default:
		e = failed(err)
	}
	w.Header().Del("Content-Length")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	_ = json.NewEncoder(w).Encode(struct {
		Msg   string  `json:"error"`
		Code  *string `json:"code"`
		Field *string `json:"field"`
	}{e.Msg, null(e.Code), null(e.Field)})
}

func answer(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return failed(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the client has gone: nothing to be told
	return nil
}

func nothing(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
