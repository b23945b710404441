package tray

import "encoding/binary"

// menuIcon is the picture of a menu line in the form that the system takes: an icon file.
func menuIcon(png []byte) []byte { return ico(png) }

// ico puts PNG pictures of 16 to 64 pixels into one icon file, which Windows reads since Vista: a head, an entry of 16
// bytes for each picture, then the pictures as they are.
func ico(pngs ...[]byte) []byte {
	le := binary.LittleEndian
	out := le.AppendUint16(nil, 0)
	out = le.AppendUint16(out, 1) // icons, not cursors
	out = le.AppendUint16(out, uint16(len(pngs)))
	at := uint32(6 + 16*len(pngs))
	for _, p := range pngs {
		out = append(out, p[19], p[23], 0, 0) // the low bytes of width and height in the PNG's header
		out = le.AppendUint16(out, 1)         // planes
		out = le.AppendUint16(out, 32)        // bits a pixel
		out = le.AppendUint32(out, uint32(len(p)))
		out = le.AppendUint32(out, at)
		at += uint32(len(p))
	}
	for _, p := range pngs {
		out = append(out, p...)
	}
	return out
}

// trayIcon is the icon in all sizes; Windows takes the one that fits.
func trayIcon(sizes [][]byte) []byte { return ico(sizes...) }
