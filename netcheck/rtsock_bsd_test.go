//go:build darwin || freebsd || netbsd || openbsd

package netcheck

import (
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// TestThisWire compares what x/sys says of this kernel with what the tables of other systems' tests rest on.
func TestThisWire(t *testing.T) {
	want, ok := wires[runtime.GOOS]
	if !ok || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("the tables hold no wire of %s on %s: they are of 64-bit kernels", runtime.GOOS, runtime.GOARCH)
	}
	got := thisWire
	got.order, want.order = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestThisComputer asks the kernel what every computer can answer.
func TestThisComputer(t *testing.T) {
	w, err := Egress(netip.MustParseAddr("127.0.0.1"))
	if err != nil || !w.Loopback || w.Index <= 0 || w.Interface == "" {
		t.Fatalf("%+v, %v", w, err)
	}
	if s := Judge(w); s != LinkWhole {
		t.Errorf("loopback is %v", s)
	}
	rows, err := helper.ifaces()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v, %v", rows, err)
	}
	for _, r := range rows {
		t.Logf("%+v: %v", r, r.state())
	}
	for _, v6 := range []bool{false, true} {
		if _, err := helper.routes(v6); err != nil {
			t.Error(err)
		}
	}
}

// TestThisNews: a routing socket is opened and closed again, and speaks for all kinds at once.
func TestThisNews(t *testing.T) {
	heard := make(chan int, 100)
	stop, err := subscribe(func(kind int) {
		select {
		case heard <- kind:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for range newsKinds {
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatal("it does not speak")
		}
	}
	stop()
}

// TestThisRouteIsAnswered asks for the route to this computer, which is always there.
func TestThisRouteIsAnswered(t *testing.T) {
	heard, pid, seq, err := askRoute(netip.MustParseAddr("127.0.0.1"))
	if err != nil || int(pid) != os.Getpid() {
		t.Fatal(pid, err)
	}
	if r, _, ok, err := thisWire.answer(heard, pid, seq, netip.MustParseAddr("127.0.0.1")); !ok || err != nil || r.index <= 0 {
		t.Errorf("%+v, %v, %v", r, ok, err)
	}
}
