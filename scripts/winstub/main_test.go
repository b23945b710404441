package main

import (
	"bytes"
	"debug/pe"
	"testing"
)

func TestForwarder(t *testing.T) {
	b := forwarder("some.dll", "Ask", "other.Answer")
	if got, want := len(b), 2*fileAlign; got != want {
		t.Fatalf("%d bytes, want %d", got, want)
	}
	f, err := pe.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		t.Errorf("machine %#x, characteristics %#x: no library for amd64", f.Machine, f.Characteristics)
	}
	s := f.Section(".edata")
	if s == nil {
		t.Fatal("no .edata")
	}
	exports := f.OptionalHeader.(*pe.OptionalHeader64).DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	data, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	text := func(at uint32) string {
		at -= s.VirtualAddress
		return string(data[at : at+uint32(bytes.IndexByte(data[at:], 0))])
	}
	u32 := func(at uint32) uint32 {
		p := data[at-s.VirtualAddress:]
		return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
	}
	dir := exports.VirtualAddress
	if got := text(u32(dir + 12)); got != "some.dll" {
		t.Errorf("the library is called %q", got)
	}
	if got := text(u32(u32(dir + 32))); got != "Ask" {
		t.Errorf("exports %q", got)
	}
	to := u32(u32(dir + 28))
	if to < exports.VirtualAddress || to >= exports.VirtualAddress+exports.Size {
		t.Errorf("address %#x is outside the export section: no forwarder", to)
	}
	if got := text(to); got != "other.Answer" {
		t.Errorf("forwards to %q", got)
	}
}
