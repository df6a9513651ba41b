package fault

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"
)

// CheckURL refuses a request whose URL does not say clearly what it asks for: a query that cannot be parsed, which would
// count as absent, text that is not UTF-8, and a parameter that is given several times, of which all but one would be
// overlooked. The parameters that are named may be repeated.
func CheckURL(r *http.Request, repeatable ...string) error {
	if !utf8.ValidString(r.URL.Path) {
		return With(http.StatusBadRequest, fmt.Errorf("path %q is not UTF-8", r.URL.Path))
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return With(http.StatusBadRequest, fmt.Errorf("query invalid: %w", err))
	}
	for name, values := range query {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return With(http.StatusBadRequest, fmt.Errorf("parameter %s invalid: it is given %d times", name, len(values)))
		}
		for _, value := range append(values, name) {
			if !utf8.ValidString(value) {
				return With(http.StatusBadRequest, fmt.Errorf("parameter %q invalid: %q is not UTF-8", name, value))
			}
		}
	}
	return nil
}
