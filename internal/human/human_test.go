package human_test

import (
	"testing"
	"time"

	"github.com/underlay/underlay/internal/human"
)

func TestSizes(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3.0 TiB", 1 << 62: "4096.0 PiB",
	} {
		if got := human.Size(bytes); got != want {
			t.Errorf("%d is %s, want %s", bytes, got, want)
		}
	}
}

func TestAges(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for past, want := range map[time.Duration]string{
		0: "0s ago", 59 * time.Second: "59s ago", 90 * time.Second: "1m ago", 47 * time.Hour: "47h ago", 72 * time.Hour: "3d ago",
	} {
		if got := human.Ago(now.Add(-past), now); got != want {
			t.Errorf("%s is %s, want %s", past, got, want)
		}
	}
	if got := human.Ago(time.Time{}, now); got != "-" {
		t.Errorf("an unknown time is %s", got)
	}
	for at, want := range map[time.Time]string{{}: "never", now.Add(time.Hour): "in 1h", now.Add(-time.Hour): "now"} {
		if got := human.Within(at, now); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}
