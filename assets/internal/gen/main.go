// Command gen draws the pictures of package assets; run it as go generate does, in the folder of that package.
package main

import (
	"bytes"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"holdfast/assets/internal/draw"
)

func main() {
	log.SetFlags(0)
	draw.All(svg, save)
}

func svg(name string) []byte {
	data, err := os.ReadFile(filepath.Join("icons", name+".svg"))
	if err != nil {
		log.Fatal(err)
	}
	return data
}

func save(name string, img *image.NRGBA, err error) {
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&buf, img); err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join("png", name+".png"), buf.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
