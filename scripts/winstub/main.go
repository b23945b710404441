// Command winstub writes bcryptprimitives.dll into a folder: Go programs for Windows want its ProcessPrng, which old wine
// has not. It is for tests under wine only.
//
//	winstub FOLDER
package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: winstub FOLDER")
		os.Exit(2)
	}
	if err := os.WriteFile(filepath.Join(os.Args[1], "bcryptprimitives.dll"), forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	fileAlign    = 0x200
	sectionAlign = 0x1000
	dosHeader    = 64
)

// An exportDirectory is IMAGE_EXPORT_DIRECTORY ("PE Format", the .edata section).
type exportDirectory struct {
	Characteristics, TimeDateStamp              uint32
	MajorVersion, MinorVersion                  uint16
	Name, Base, Functions, Names                uint32
	AddressOfFunctions, AddressOfNames, Numbers uint32
}

// forwarder makes a library for 64 bits that has no code: it exports one name, and says which other library has that
// function (a forwarder: an address inside the export section, which holds "library.function"). SystemFunction036, which
// is RtlGenRandom, takes what ProcessPrng takes, a buffer and its length, and returns true as well.
func forwarder(library, name, to string) []byte {
	// The export section: directory, one address, one name, its number, then the texts.
	dir := exportDirectory{Base: 1, Functions: 1, Names: 1}
	at := uint32(sectionAlign) + uint32(binary.Size(dir))
	dir.AddressOfFunctions, dir.AddressOfNames, dir.Numbers = at, at+4, at+8
	texts := at + 10
	dir.Name = texts
	nameAt := texts + uint32(len(library)) + 1
	toAt := nameAt + uint32(len(name)) + 1
	var section bytes.Buffer
	write(&section, dir, toAt, nameAt, uint16(0), []byte(library+"\x00"+name+"\x00"+to+"\x00"))

	opt := pe.OptionalHeader64{
		Magic: 0x20b, MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6, ImageBase: 0x180000000,
		SectionAlignment: sectionAlign, FileAlignment: fileAlign,
		SizeOfInitializedData: fileAlign, SizeOfImage: 2 * sectionAlign, SizeOfHeaders: fileAlign,
		Subsystem: pe.IMAGE_SUBSYSTEM_WINDOWS_CUI, DllCharacteristics: pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
		SizeOfStackReserve: 0x100000, SizeOfStackCommit: 0x1000, SizeOfHeapReserve: 0x100000, SizeOfHeapCommit: 0x1000,
		NumberOfRvaAndSizes: 16,
	}
	opt.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: sectionAlign, Size: uint32(section.Len())}
	file := pe.FileHeader{
		Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(opt)),
		Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL,
	}
	head := pe.SectionHeader32{
		VirtualSize: uint32(section.Len()), VirtualAddress: sectionAlign, SizeOfRawData: fileAlign, PointerToRawData: fileAlign,
		Characteristics: pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ,
	}
	copy(head.Name[:], ".edata")

	var b bytes.Buffer
	dos := make([]byte, dosHeader)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[60:], dosHeader) // e_lfanew: where the PE header is
	write(&b, dos, []byte("PE\x00\x00"), file, opt, head)
	b.Write(make([]byte, fileAlign-b.Len()))
	b.Write(section.Bytes())
	b.Write(make([]byte, 2*fileAlign-b.Len()))
	return b.Bytes()
}

// write appends values of fixed size; a bytes.Buffer takes all of them.
func write(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
}
