// Package complaint logs what fails again and again, as something that is asked every second may: once, and again when the
// cause is another one or a minute has passed.
package complaint

import (
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// interval is how often the same cause is logged.
const interval = time.Minute

// Complaint is about one thing that may fail. One goroutine at a time may use it.
type Complaint struct {
	Logger *slog.Logger
	Fails  string // what is logged when it fails
	Works  string // what is logged when it works again

	cause string // of the last failure; empty: it works
	said  time.Time
}

// Note takes the outcome of an attempt. Causes that differ in digits only, such as the port from which a name server was asked,
// are the same.
func (c *Complaint) Note(err error) {
	if err == nil {
		if c.cause != "" {
			c.Logger.Info(c.Works)
		}
		c.cause = ""
		return
	}
	cause := strings.Map(withoutDigits, err.Error())
	if cause != c.cause || time.Since(c.said) >= interval {
		c.Logger.Warn(c.Fails, "error", err)
		c.cause, c.said = cause, time.Now()
	}
}

func withoutDigits(r rune) rune {
	if unicode.IsDigit(r) {
		return -1
	}
	return r
}
