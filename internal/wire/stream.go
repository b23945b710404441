package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"holdfast/monitor"
)

// An Encoder writes events as lines of JSON, each with one Write. It keeps its memory from line to line and, for each
// target, which lists the reader already has. It is not for several goroutines at once.
type Encoder struct {
	w     io.Writer
	o     Object
	buf   []byte
	known map[string]lists
}

// lists are the two that are not repeated while they stay the same. Snapshots are immutable, so they may be kept.
type lists struct {
	attempts []monitor.Attempt
	outages  []monitor.Outage
}

// NewEncoder returns an Encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w, known: make(map[string]lists)} }

// Encode writes e and a newline. After an error the stream is broken: a reader may have half a line.
func (enc *Encoder) Encode(e monitor.Event) error {
	s := &e.Snapshot
	last, seen := enc.known[s.Target.Name]
	sameAttempts := seen && slices.Equal(last.attempts, s.Attempts)
	sameOutages := seen && same(last.outages, s.Outages)
	attempts, outages := enc.o.Attempts, enc.o.Outages // the memory, which null must not lose
	if sameAttempts || sameOutages {
		slim := *s
		if sameAttempts {
			slim.Attempts = nil
		}
		if sameOutages {
			slim.Outages = nil
		}
		enc.o.set(&slim)
	} else {
		enc.o.set(s)
	}
	enc.o.setEvent(&e)
	if sameAttempts {
		enc.o.Attempts = nil
	}
	if sameOutages {
		enc.o.Outages = nil
	}
	enc.buf = append(enc.o.Append(enc.buf[:0]), '\n')
	if enc.o.Attempts == nil {
		enc.o.Attempts = attempts
	}
	if enc.o.Outages == nil {
		enc.o.Outages = outages
	}
	switch {
	case e.Removed:
		delete(enc.known, s.Target.Name)
	case !sameAttempts || !sameOutages:
		enc.known[s.Target.Name] = lists{s.Attempts, s.Outages}
	}
	_, err := enc.w.Write(enc.buf)
	return err
}

// same compares without looking into elements that are the same memory.
func same(a, b []monitor.Outage) bool {
	if len(a) != len(b) || len(a) > 0 && &a[0] == &b[0] {
		return len(a) == len(b)
	}
	return slices.EqualFunc(a, b, func(x, y monitor.Outage) bool {
		v, w := &x.Verdict, &y.Verdict
		return x.Start.Equal(y.Start) && x.End.Equal(y.End) && x.Attempts == y.Attempts &&
			v.Cause == w.Cause && v.Hop == w.Hop && v.Interface == w.Interface && v.Gateway == w.Gateway && v.LastHop == w.LastHop &&
			slices.Equal(v.Also, w.Also) && slices.Equal(v.Evidence, w.Evidence)
	})
}

// maxLine bounds one object: 16 outages with a dozen pieces of evidence each are some 40 KiB.
const maxLine = 1 << 20

// A Decoder reads what an Encoder wrote, or any stream of objects, and puts the lists back that were not repeated. It is
// not for several goroutines at once.
type Decoder struct {
	r     *bufio.Reader
	long  []byte
	known map[string]*Object
}

// NewDecoder returns a Decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, 16<<10), known: make(map[string]*Object)}
}

// ErrLong is returned for a line that no object can be; the stream cannot be read on.
var ErrLong = errors.New("line is longer than 1 MiB")

// Decode returns the next object, both lists included; io.EOF at the end. An empty line is passed over (a server may send
// them to see whether the reader is still there). The caller may keep the Object but must not write to its slices.
func (dec *Decoder) Decode() (Object, error) {
	for {
		line, err := dec.line()
		if err != nil {
			return Object{}, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var o Object
		if err := json.Unmarshal(line, &o); err != nil {
			return Object{}, fmt.Errorf("object: %w", err)
		}
		last := dec.known[o.Target]
		if last == nil {
			last = new(Object)
		}
		if o.Attempts == nil {
			o.Attempts = last.Attempts
		}
		if o.Outages == nil {
			o.Outages = last.Outages
		}
		if o.Removed {
			delete(dec.known, o.Target)
		} else {
			last.Attempts, last.Outages = o.Attempts, o.Outages
			dec.known[o.Target] = last
		}
		return o, nil
	}
}

func (dec *Decoder) line() ([]byte, error) {
	dec.long = dec.long[:0]
	for {
		part, err := dec.r.ReadSlice('\n')
		if err == nil && len(dec.long) == 0 {
			return part, nil
		}
		if len(dec.long)+len(part) > maxLine {
			return nil, ErrLong
		}
		dec.long = append(dec.long, part...)
		switch {
		case err == nil:
			return dec.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(dec.long) > 0:
			return nil, io.ErrUnexpectedEOF // an object ends with a newline
		default:
			return nil, err
		}
	}
}
