package patient

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Questions[string, int]
		calls := 0
		hang := make(chan struct{})
		ask := func(limit time.Duration) (int, bool) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			return p.Ask(ctx, "gateway", func() int { calls++; <-hang; return 7 })
		}
		start := time.Now()
		if _, ok := ask(600 * time.Millisecond); ok || time.Since(start) != 600*time.Millisecond {
			t.Errorf("answered: %v, after %v", ok, time.Since(start))
		}
		time.AfterFunc(100*time.Millisecond, func() { close(hang) })
		if v, ok := ask(time.Second); !ok || v != 7 || calls != 1 {
			t.Errorf("%d, %v, asked %d times: the question under way is shared", v, ok, calls)
		}
		if v, ok := p.Ask(t.Context(), "another", func() int { return 8 }); !ok || v != 8 {
			t.Errorf("another question: %d, %v", v, ok)
		}
		if v, ok := ask(time.Second); !ok || v != 7 || calls != 2 {
			t.Errorf("%d, %v, asked %d times: an answer is not kept", v, ok, calls)
		}
		p.Wait()
	})
}
