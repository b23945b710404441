package ui

// A Balloon is a notification at the icon in the notification area, as Windows has them. The zero value is none.
type Balloon struct {
	Look        Look // the picture
	Title, Text string
	Sound       bool
}

// A BalloonEvent is what becomes of one.
type BalloonEvent uint8

const (
	BalloonReady   BalloonEvent = iota // they can be shown: there is an icon, perhaps a new one, at which none stands
	BalloonClicked                     // the one that stands
	BalloonGone                        // nobody sees it any more
)
