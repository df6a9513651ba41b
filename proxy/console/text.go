package console

import (
	"html/template"
	"strconv"
	"strings"
)

// functions are what templates can call.
func functions(a *assets) template.FuncMap {
	return template.FuncMap{
		"asset":  a.url,
		"number": func(n int) string { return count(uint64(n)) },
		"count":  count,
	}
}

// count writes a number with a thin space between thousands.
func count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(d)
	}
	return b.String()
}
