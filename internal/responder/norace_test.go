//go:build !race

package responder

const raceDetector = false
