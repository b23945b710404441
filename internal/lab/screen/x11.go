//go:build linux

package screen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"net"
	"strings"
	"time"
)

// A Window is the number of a window on an X server.
type Window uint32

// A conn speaks as much of the X protocol (X Window System Protocol, version 11, appendix B) as looking needs. It asks
// for no events. It belongs to one goroutine.
type conn struct {
	net  net.Conn
	root Window
	test byte // number of the extension XTEST
}

// patience is how long the X server may take for one answer.
const patience = 30 * time.Second

// Numbers of the protocol.
const (
	opGetGeometry = 14
	opQueryTree   = 15
	opGetProperty = 20
	opTranslate   = 40
	opGetImage    = 73
	opExtension   = 98
	atomName      = 39 // WM_NAME
	zPixmap       = 2

	fakeInput = 2 // of the extension XTEST
)

// connect speaks to the display of that number on this computer.
func connect(display int) (*conn, error) {
	n, err := net.Dial("unix", fmt.Sprintf("/tmp/.X11-unix/X%d", display))
	if err != nil {
		return nil, fmt.Errorf("X server: %w", err)
	}
	c := &conn{net: n}
	if err := c.greet(); err != nil {
		n.Close()
		return nil, fmt.Errorf("X server: %w", err)
	}
	answer, err := c.ask(append([]byte{opExtension, 0, 0, 0, 5, 0, 0, 0}, "XTEST\x00\x00\x00"...))
	if err == nil && answer[8] == 0 {
		err = errors.New("X server: it has no extension XTEST")
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	c.test = answer[9]
	return c, nil
}

var order = binary.LittleEndian

func (c *conn) greet() error {
	c.net.SetDeadline(time.Now().Add(patience))
	if _, err := c.net.Write([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.net, head); err != nil {
		return err
	}
	body := make([]byte, 4*int(order.Uint16(head[6:])))
	if _, err := io.ReadFull(c.net, body); err != nil {
		return err
	}
	if head[0] != 1 {
		return fmt.Errorf("it lets nobody in: %q", body)
	}
	if len(body) < 32 {
		return errors.New("a short greeting")
	}
	vendor, formats := int(order.Uint16(body[16:])), int(body[21])
	at := 32 + (vendor+3)/4*4 + 8*formats
	if len(body) < at+40 || body[20] == 0 {
		return errors.New("it has no screen")
	}
	if body[22] != 0 {
		return errors.New("its pictures begin with the highest byte")
	}
	c.root = Window(order.Uint32(body[at:]))
	return nil
}

// A refusal is the server's answer to a request about what is not there, or no longer.
type refusal struct{ code, request byte }

func (r refusal) Error() string {
	return fmt.Sprintf("X server: error %d for request %d", r.code, r.request)
}

// tell sends a request; its length is filled in.
func (c *conn) tell(request []byte) error {
	order.PutUint16(request[2:], uint16(len(request)/4))
	c.net.SetDeadline(time.Now().Add(patience))
	if _, err := c.net.Write(request); err != nil {
		return fmt.Errorf("X server: %w", err)
	}
	return nil
}

// ask sends a request and returns the whole answer.
func (c *conn) ask(request []byte) ([]byte, error) {
	if err := c.tell(request); err != nil {
		return nil, err
	}
	for {
		answer := make([]byte, 32)
		if _, err := io.ReadFull(c.net, answer); err != nil {
			return nil, fmt.Errorf("X server: %w", err)
		}
		switch answer[0] {
		case 0:
			return nil, refusal{answer[1], request[0]}
		case 1:
			more := make([]byte, 4*int(order.Uint32(answer[4:])))
			if _, err := io.ReadFull(c.net, more); err != nil {
				return nil, fmt.Errorf("X server: %w", err)
			}
			return append(answer, more...), nil
		}
		// An event: of the keyboard, which all are told of.
	}
}

// of is a request about a window.
func of(op byte, w Window) []byte {
	return order.AppendUint32([]byte{op, 0, 0, 0}, uint32(w))
}

// picture is what stands on the screen in r.
func (c *conn) picture(r image.Rectangle) (*image.RGBA, error) {
	request := of(opGetImage, c.root)
	request[1] = zPixmap
	for _, v := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
		request = order.AppendUint16(request, uint16(v))
	}
	answer, err := c.ask(order.AppendUint32(request, 0xffffffff))
	if err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	if depth := answer[1]; depth != 24 || len(answer) < 32+len(img.Pix) {
		return nil, fmt.Errorf("X server: %d bytes of depth %d for a picture of %v", len(answer)-32, depth, r.Size())
	}
	for i := 0; i < len(img.Pix); i += 4 {
		b := answer[32+i:]
		img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = b[2], b[1], b[0], 0xff
	}
	return img, nil
}

// find returns the first window below w whose name has the text in it, 0 if there is none.
func (c *conn) find(w Window, text string) (Window, error) {
	tree, err := c.ask(of(opQueryTree, w))
	if err != nil {
		return 0, err
	}
	for i := range int(order.Uint16(tree[16:])) {
		one := Window(order.Uint32(tree[32+4*i:]))
		request := of(opGetProperty, one)
		for _, v := range []uint32{atomName, 0, 0, 64} { // of any type, the first 256 bytes
			request = order.AppendUint32(request, v)
		}
		// Windows go while one looks: an error means no more than that.
		if name, err := c.ask(request); err == nil && strings.Contains(string(name[32:32+order.Uint32(name[16:])]), text) {
			return one, nil
		} else if !gone(err) {
			return 0, err
		}
		if found, err := c.find(one, text); found != 0 || !gone(err) {
			return found, err
		}
	}
	return 0, nil
}

// gone reports whether what was asked about may just have gone, no more.
func gone(err error) bool { return err == nil || errors.As(err, new(refusal)) }

// A press of a key or a button, in the protocol's words; and the pointer moved.
const (
	keyPress      = 2
	keyRelease    = 3
	buttonPress   = 4
	buttonRelease = 5
	motion        = 6
)

// fake does what a person does with keyboard and mouse (XTEST, FakeInput).
func (c *conn) fake(kind, detail byte, at image.Point) error {
	request := make([]byte, 36)
	request[0], request[1], request[4], request[5] = c.test, fakeInput, kind, detail
	order.PutUint32(request[12:], uint32(c.root))
	order.PutUint16(request[24:], uint16(at.X))
	order.PutUint16(request[26:], uint16(at.Y))
	return c.tell(request)
}

// place is where a window stands on the screen.
func (c *conn) place(w Window) (image.Rectangle, error) {
	geometry, err := c.ask(of(opGetGeometry, w))
	if err != nil {
		return image.Rectangle{}, err
	}
	size := image.Pt(int(order.Uint16(geometry[16:])), int(order.Uint16(geometry[18:])))
	request := order.AppendUint32(of(opTranslate, w), uint32(c.root))
	at, err := c.ask(append(request, 0, 0, 0, 0))
	if err != nil {
		return image.Rectangle{}, err
	}
	from := image.Pt(int(int16(order.Uint16(at[12:]))), int(int16(order.Uint16(at[14:]))))
	return image.Rectangle{Min: from, Max: from.Add(size)}, nil
}

// Differs reports whether two pictures of one size do not look the same.
func Differs(a, b *image.RGBA) bool { return string(a.Pix) != string(b.Pix) }

// Colours counts the colours of a picture.
func Colours(img *image.RGBA) int {
	seen := map[color.RGBA]bool{}
	for i := 0; i < len(img.Pix); i += 4 {
		seen[color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]}] = true
	}
	return len(seen)
}
