package rpcdiff

import (
	"bytes"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
)

// testCase is a story told to every target: steps that follow each other, in variables of its own. Content that it
// stores must be its own too, since all cases share one node.
type testCase struct {
	name  string
	steps []step
}

// step is one request and how to read its answer. Build it with rpc and the methods below. Variables, written $name,
// are replaced in parameters, headers and bodies; a value that a step has captured reads as $name in later answers.
type step struct {
	label    string // by which the table of differences names it: the command, unless named
	method   string
	command  string   // below /api/v0/
	params   []string // name=value, in order
	headers  []string // pairs of name and value
	body     body
	captures []capture
	masks    []string      // regular expressions of what differs from run to run, in the body and in trailers
	omitted  []string      // fields of the answer that say nothing comparable, such as "header Content-Length"
	filter   string        // a regular expression of the lines that are looked at; empty: all
	anyOrder bool          // of the lines of the answer
	cut      time.Duration // for an answer without an end: read it for so long
}

// capture keeps what the first group of a regular expression matches in the body.
type capture struct{ name, pattern string }

// rpc is a POST of a command, with parameters in the form name=value.
func rpc(command string, params ...string) step {
	return step{label: command, method: http.MethodPost, command: command, params: params}
}

func (s step) named(label string) step       { s.label = label; return s }
func (s step) by(method string) step         { s.method = method; return s }
func (s step) header(pairs ...string) step   { s.headers = slices.Concat(s.headers, pairs); return s }
func (s step) with(b body) step              { s.body = b; return s }
func (s step) mask(patterns ...string) step  { s.masks = slices.Concat(s.masks, patterns); return s }
func (s step) omit(fields ...string) step    { s.omitted = slices.Concat(s.omitted, fields); return s }
func (s step) only(pattern string) step      { s.filter = pattern; return s }
func (s step) inAnyOrder() step              { s.anyOrder = true; return s }
func (s step) cutAfter(d time.Duration) step { s.cut = d; return s }
func (s step) capture(name, pattern string) step {
	s.captures = slices.Concat(s.captures, []capture{{name, pattern}})
	return s
}

// variables are what a case has captured on one target.
type variables map[string]string

// fill replaces variables in text, the longest names first.
func (v variables) fill(text string) string {
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		text = strings.ReplaceAll(text, "$"+name, v[name])
	}
	return text
}

// query encodes the parameters of the step in their order.
func (s step) query(v variables) string {
	var pairs []string
	for _, p := range s.params {
		name, value, _ := strings.Cut(p, "=")
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(v.fill(value)))
	}
	return strings.Join(pairs, "&")
}

// body makes the body of a request and its content type.
type body func(v variables) (content []byte, contentType string)

// raw is a body as it is.
func raw(contentType, content string) body {
	return func(v variables) ([]byte, string) { return []byte(v.fill(content)), contentType }
}

// part is one entry of a multipart body.
type part struct {
	name        string
	contentType string
	content     string
	headers     []string
}

const (
	typeFile    = "application/octet-stream"
	typeDir     = "application/x-directory"
	typeSymlink = "application/symlink"
)

func file(name, content string, headers ...string) part {
	return part{name, typeFile, content, headers}
}
func dir(name string, headers ...string) part { return part{name, typeDir, "", headers} }
func symlink(name, target string) part        { return part{name, typeSymlink, target, nil} }

// form is a multipart body as kubo's clients send it.
func form(parts ...part) body {
	return func(v variables) ([]byte, string) {
		var out bytes.Buffer
		w := multipart.NewWriter(&out)
		for _, p := range parts {
			h := make(textproto.MIMEHeader)
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, url.QueryEscape(p.name)))
			h.Set("Content-Type", p.contentType)
			for pair := range slices.Chunk(p.headers, 2) {
				h.Set(pair[0], pair[1])
			}
			entry, _ := w.CreatePart(h) // writing to memory cannot fail
			_, _ = entry.Write([]byte(v.fill(p.content)))
		}
		_ = w.Close()
		return out.Bytes(), w.FormDataContentType()
	}
}

// content is a body of one file.
func content(text string) body { return form(file("file", text)) }
