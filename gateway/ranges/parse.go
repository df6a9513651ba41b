package ranges

import (
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
)

// asked is one range of a request: from first to last, both included; an open end has last < 0, and a suffix of n bytes
// is first = -n.
type asked struct{ first, last int64 }

// parse reads the ranges of a header. It is not ok with what is no list of byte ranges; whoever serves the request then
// says what is wrong.
func parse(header string) (list []asked, ok bool) {
	text, isBytes := strings.CutPrefix(header, "bytes=")
	if !isBytes {
		return nil, false
	}
	for element := range strings.SplitSeq(text, ",") {
		if element = textproto.TrimString(element); element == "" {
			continue
		}
		r, ok := parseOne(element)
		if !ok {
			return nil, false
		}
		list = append(list, r)
	}
	return list, true
}

func parseOne(element string) (r asked, ok bool) {
	first, last, isRange := strings.Cut(element, "-")
	r.last = -1
	switch {
	case !isRange, first == "" && last == "":
		return r, false
	case first == "": // the last bytes
		n, ok := number(last)
		return asked{-n, -1}, ok && n > 0
	}
	if r.first, ok = number(first); !ok || last == "" {
		return r, ok
	}
	r.last, ok = number(last)
	return r, ok && r.last >= r.first
}

// number reads digits and nothing else.
func number(text string) (int64, bool) {
	n, err := strconv.ParseUint(textproto.TrimString(text), 10, 63)
	return int64(n), err == nil
}

// part is a range that the content has: its first byte and how many follow, that one included.
type part struct{ first, length int64 }

// within returns the parts that content of this size has, and how many bytes they are together.
func within(list []asked, size int64) (parts []part, total int64) {
	for _, r := range list {
		p := part{r.first, size - r.first}
		switch {
		case r.first < 0:
			p.length = min(-r.first, size)
			p.first = size - p.length
		case r.last >= 0 && r.last < size:
			p.length = r.last - r.first + 1
		}
		if p.length <= 0 {
			continue
		}
		parts = append(parts, p)
		total += p.length
	}
	return parts, total
}

// header is the request for this part alone.
func (p part) header() string { return fmt.Sprintf("bytes=%d-%d", p.first, p.first+p.length-1) }

// contentRange says where in content of this size the part is.
func (p part) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.first, p.first+p.length-1, size)
}

// sizeIn reads the size of the whole from a Content-Range.
func sizeIn(contentRange string) (int64, bool) {
	_, size, ok := strings.Cut(contentRange, "/")
	if !ok {
		return 0, false
	}
	return number(size)
}
