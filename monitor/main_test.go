package monitor

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("MONITOR_TEST_ECHO") != "" {
		serveEcho()
		return
	}
	goleak.VerifyTestMain(m)
}
