package policy

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// clusterList is the name of the list that the cluster has.
const clusterList = "cluster"

// readEntries makes the cluster's entries a list. Each is read by itself first, so that the error names those that are no
// rules and the others hold.
func readEntries(entries []Entry) (*list, error) {
	var text bytes.Buffer
	var faults []error
	for _, e := range entries {
		line := e.line()
		if l, err := readList(clusterList, []byte(line)); err != nil || l.size != 1 {
			faults = append(faults, fmt.Errorf("entry %q is no rule", e.Rule))
			continue
		}
		text.WriteString(line)
	}
	l, err := readList(clusterList, text.Bytes())
	if err != nil {
		return nil, errors.Join(append(faults, err)...)
	}
	l.deep = true
	return l, errors.Join(faults...)
}

// line is the entry as a line of a denylist. There, spaces and stars mean something, and what is written like a query
// is read like one.
func (e Entry) line() string {
	rule := e.Rule
	if !strings.HasPrefix(rule, "//") {
		parts := strings.Split(rule, "/")
		for i, part := range parts {
			parts[i] = url.QueryEscape(part)
		}
		rule = strings.Join(parts, "/")
	}
	if e.Status != 0 {
		rule = fmt.Sprintf("%s %s=%d", rule, statusHint, e.Status)
	}
	return rule + "\n"
}
