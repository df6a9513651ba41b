package config

import (
	"regexp"
	"strings"
)

// nameShape is what a setting's name looks like. Keys of another shape are not repeated in messages: "secret:0123" is
// what a forgotten blank makes of a secret.
var nameShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

// shownKey returns a key as messages may show it.
func shownKey(key string) string {
	if nameShape.MatchString(key) {
		return key
	}
	return "(a key that is not a name)"
}

// closest returns the candidate that was probably meant by name, or nothing when none is near.
func closest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, c := range candidates {
		d := distance(plain(name), plain(c))
		if d < bestDistance || (best == "" && d == bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// plain strips what people vary without meaning to.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// distance is how many bytes must be put in, taken out or changed to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean is the second half of a message about an unknown name.
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return ", did you mean " + suggestion + "?"
}
