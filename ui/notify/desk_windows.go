package notify

// A desk shows notifications: at the icon.
type desk = balloons

func newDesk(o Options) *desk { return newBalloons(o) }
