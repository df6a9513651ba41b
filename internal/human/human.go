// Package human writes numbers and times as people read them.
package human

import (
	"fmt"
	"time"
)

// Size writes a number of bytes as people read it.
func Size(bytes uint64) string {
	const step = 1024
	if bytes < step {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/step, 0
	for value >= step && unit < 4 {
		value, unit = value/step, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[unit])
}

// Span writes a duration in its largest unit.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Abs(); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d/day))
}

// Ago writes how long something is past; nothing if the time is not known.
func Ago(t, now time.Time) string {
	if t.IsZero() || t.Unix() <= 0 {
		return "-"
	}
	return Span(now.Sub(t)) + " ago"
}

// Within writes how far off a time is.
func Within(t, now time.Time) string {
	switch {
	case t.IsZero() || t.Unix() <= 0:
		return "never"
	case t.Before(now):
		return "now"
	}
	return "in " + Span(t.Sub(now))
}

// Plural writes a number of things.
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
