package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/wire"
	"holdfast/monitor"
)

// A Client speaks to a running Holdfast. Its methods may be called from any goroutine. Errors are *Error where the other
// side refused, ErrNotRunning where it has ended.
type Client struct {
	http      *http.Client
	transport *http.Transport
}

// answerWithin bounds a request that is not a stream. Opening the window or writing to a slow disk takes its time.
const answerWithin = 15 * time.Second

// Dial finds the running Holdfast; path "" is the usual place. ErrNotRunning: there is none. ErrUnsafe: what is there
// belongs to somebody else. Close the Client when done.
func Dial(path string) (*Client, error) {
	if path == "" {
		var err error
		if path, err = Path(); err != nil {
			return nil, err
		}
	}
	if err := checkOwner(path, true); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, notRunning(err)
	}
	_ = conn.Close() // it was only to know
	tr := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		DisableCompression:  true,
		MaxIdleConns:        2,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     10 * time.Second,
	}
	return &Client{http: &http.Client{Transport: tr}, transport: tr}, nil
}

// Close drops what is idle. Streams end with their contexts.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func notRunning(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w (%w)", ErrNotRunning, err)
	}
	return fmt.Errorf("reach the running Holdfast: %w", err)
}

// Status is what is known now.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// Events are one object a target, then what happens, until ctx ends, the other side ends (the error is then ErrNotRunning)
// or the loop is left. The lists of each object are complete, see wire.Decoder.
func (c *Client) Events(ctx context.Context, beats bool) iter.Seq2[wire.Object, error] {
	path := "/v1/events"
	if beats {
		path += "?beats=1"
	}
	return c.stream(ctx, http.MethodGet, path, nil)
}

// Reconnect asks for an attempt at once: of the named targets, or of all that are neither up nor paused.
func (c *Client) Reconnect(ctx context.Context, names ...string) error {
	return c.each(ctx, "reconnect", "", names)
}

// Pause ends the sessions of the named targets, or of all, until Resume or until the time given, if any.
func (c *Client) Pause(ctx context.Context, until time.Time, names ...string) error {
	query := ""
	if !until.IsZero() {
		query = "?until=" + url.QueryEscape(until.UTC().Format(time.RFC3339Nano))
	}
	return c.each(ctx, "pause", query, names)
}

// Resume is the opposite of Pause.
func (c *Client) Resume(ctx context.Context, names ...string) error {
	return c.each(ctx, "resume", "", names)
}

func (c *Client) each(ctx context.Context, what, query string, names []string) error {
	if len(names) == 0 {
		return c.do(ctx, http.MethodPost, "/v1/"+what+query, nil, nil)
	}
	for _, name := range names {
		if err := c.do(ctx, http.MethodPost, "/v1/targets/"+escape(name)+"/"+what+query, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Trace is the round trip of each of the last seconds of a target, oldest first.
func (c *Client) Trace(ctx context.Context, name string) ([]monitor.Sample, error) {
	var list []sampleJSON
	if err := c.do(ctx, http.MethodGet, "/v1/targets/"+escape(name)+"/trace", nil, &list); err != nil {
		return nil, err
	}
	trace := make([]monitor.Sample, len(list))
	for i, s := range list {
		trace[i] = monitor.Sample{Time: s.Time.Time, RTT: time.Duration(s.RTT)}
	}
	return trace, nil
}

type sampleJSON struct {
	Time wire.Time   `json:"time"`
	RTT  wire.Millis `json:"rtt_ms"`
}

// Window opens the window of the running Holdfast.
func (c *Client) Window(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/window", nil, nil)
}

// Settings is what the settings file says.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var j settingsJSON
	if err := c.do(ctx, http.MethodGet, "/v1/settings", nil, &j); err != nil {
		return Settings{}, err
	}
	s := Settings{Path: j.Path, Settings: config.Settings{Demo: j.Demo, Language: j.Language}}
	if err := j.own(&s.Settings); err != nil {
		return Settings{}, err
	}
	for _, t := range j.Targets {
		target, err := t.target()
		if err != nil {
			return Settings{}, err
		}
		s.Targets = append(s.Targets, target)
	}
	for _, p := range j.Problems {
		s.Problems = append(s.Problems, &config.Error{File: p.File, Line: p.Line, Column: p.Column, Key: p.Key, Msg: p.Msg})
	}
	return s, nil
}

// SaveSettings makes s the settings. Where the file's comments would be lost it fails with config.ErrLayout, unless
// rewrite is set.
func (c *Client) SaveSettings(ctx context.Context, s config.Settings, rewrite bool) error {
	return c.do(ctx, http.MethodPut, "/v1/settings"+rewriteQuery(rewrite), toSettingsJSON(s), nil)
}

// SaveTarget changes the target of that name to t (which may have another name), or adds t where there is none. As to
// rewrite see SaveSettings.
func (c *Client) SaveTarget(ctx context.Context, name string, t monitor.Target, rewrite bool) error {
	return c.do(ctx, http.MethodPut, "/v1/settings/targets/"+escape(name)+rewriteQuery(rewrite), fromTarget(t), nil)
}

// RemoveTarget takes the target out of the settings. As to rewrite see SaveSettings.
func (c *Client) RemoveTarget(ctx context.Context, name string, rewrite bool) error {
	return c.do(ctx, http.MethodDelete, "/v1/settings/targets/"+escape(name)+rewriteQuery(rewrite), nil, nil)
}

func rewriteQuery(rewrite bool) string {
	if rewrite {
		return "?rewrite=1"
	}
	return ""
}

// Try watches t for ten seconds at most, without saving it: its events, until ctx ends or the loop is left. Out of what
// cannot be used comes an *Error with its field. The password is for its proxy; "" is the one that is kept.
func (c *Client) Try(ctx context.Context, t monitor.Target, password string) iter.Seq2[wire.Object, error] {
	return c.stream(ctx, http.MethodPost, "/v1/try", tryJSON{fromTarget(t), password})
}

// SavePassword keeps the password of the user whom the proxy of t is told. An *Error with CodeKeyring: it holds until
// Holdfast ends, and no longer.
func (c *Client) SavePassword(ctx context.Context, t monitor.Target, password string) error {
	return c.do(ctx, http.MethodPut, "/v1/password", passwordJSON{t.Via, t.Address, password}, nil)
}

// Demo tells the built-in responder what to do.
func (c *Client) Demo(ctx context.Context, mode string) error {
	return c.do(ctx, http.MethodPost, "/v1/demo/"+escape(mode), nil, nil)
}

// Autostart says whether Holdfast is started at login.
func (c *Client) Autostart(ctx context.Context) (Autostart, error) {
	var a Autostart
	err := c.do(ctx, http.MethodGet, "/v1/autostart", nil, &a)
	return a, err
}

// SetAutostart has Holdfast started at login, or not.
func (c *Client) SetAutostart(ctx context.Context, on bool) error {
	return c.do(ctx, http.MethodPut, "/v1/autostart", map[string]bool{"on": on}, nil)
}

// Quit ends the running Holdfast. It returns when the request was taken, which may be before the end.
func (c *Client) Quit(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/quit", nil, nil)
}

// maxAnswer bounds an answer that is not a stream: 10 000 targets in full.
const maxAnswer = 512 << 20

func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("answer to %s %s: %w", method, path, err)
	}
	return nil
}

func (c *Client) stream(ctx context.Context, method, path string, body any) iter.Seq2[wire.Object, error] {
	return func(yield func(wire.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // leaving the loop ends the request
		defer cancel()
		res, err := c.send(ctx, method, path, body)
		if err != nil {
			yield(wire.Object{}, err)
			return
		}
		defer res.Body.Close()
		dec := wire.NewDecoder(res.Body)
		for {
			o, err := dec.Decode()
			switch {
			case err == nil:
				if !yield(o, nil) {
					return
				}
				continue
			case ctx.Err() != nil:
				err = ctx.Err()
			case errors.Is(err, io.EOF) && method == http.MethodPost:
				return // a trial has its end
			case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
				err = fmt.Errorf("%w any more (%w)", ErrNotRunning, err)
			}
			yield(wire.Object{}, err)
			return
		}
	}
}

// send returns an answer of the 200s; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://holdfast"+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, notRunning(err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	e := &Error{Status: res.StatusCode}
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if json.Unmarshal(b, e) != nil || e.Msg == "" {
		e.Msg = fmt.Sprintf("%s %s: %s", method, path, res.Status)
	}
	return nil, e
}

// escape makes any name one segment of a path. A dot is escaped too, lest "." and ".." be resolved.
func escape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
}
