package responder

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if beChild() {
		return
	}
	goleak.VerifyTestMain(m)
}
