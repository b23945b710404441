// Command gen draws the pictures of package assets; run it as go generate does, in the folder of that package.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"holdfast/assets/internal/draw"
)

func main() {
	log.SetFlags(0)
	for _, n := range draw.Sizes {
		for _, look := range draw.Looks {
			save(fmt.Sprintf("%s-%d", look, n))(draw.Icon(svg, n, look))
		}
		for _, badge := range draw.Badges {
			save(fmt.Sprintf("down-%s-%d", badge, n))(draw.Icon(svg, n, "down", "badge-"+badge))
		}
	}
	for _, n := range draw.AppSizes {
		save(fmt.Sprintf("app-%d", n))(draw.App(svg, n))
	}
}

func svg(name string) []byte {
	data, err := os.ReadFile(filepath.Join("icons", name+".svg"))
	if err != nil {
		log.Fatal(err)
	}
	return data
}

func save(name string) func(*image.NRGBA, error) {
	return func(img *image.NRGBA, err error) {
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
}
