package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if !For(ctx, 59*time.Second) {
			t.Error("a pause that is over was cut short")
		}
		began := time.Now()
		if For(ctx, time.Hour) || time.Since(began) != time.Second {
			t.Errorf("the context ended after a second, the pause after %s", time.Since(began))
		}
	})
}
