package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Source tells addresses, host:port, at which peers may be. It may be asked again and again, by one goroutine at a time, and
// answers as of now. It blocks until ctx ends at most. With an error it may still return some.
type Source interface {
	Addrs(ctx context.Context) ([]string, error)
}

// Kind makes the source of a place that is written KIND:REST, from REST; the error says what is wrong with it.
type Kind func(rest string) (Source, error)

// Kinds are dns:NAME:PORT, srv:NAME, file:PATH and ec2:TAG=VALUE,...:PORT. instances may be nil for who only wants to know
// whether a place is written well.
func Kinds(instances Instances) map[string]Kind {
	resolver := net.DefaultResolver
	return map[string]Kind{
		"dns":  func(rest string) (Source, error) { return newHosts(resolver, rest) },
		"srv":  func(rest string) (Source, error) { return newServices(resolver, rest) },
		"file": func(rest string) (Source, error) { return newFile(rest) },
		"ec2":  func(rest string) (Source, error) { return newTagged(instances, rest) },
	}
}

// KindOf returns the kind of a place; empty: it is an address.
func KindOf(place string) string {
	name, _, _ := strings.Cut(place, ":")
	if Kinds(nil)[name] == nil {
		return ""
	}
	return name
}

// Places are where to look for peers, all of them each time.
type Places struct {
	fixed   []string
	sources []place
}

type place struct {
	text string
	Source
}

// Fault is one thing wrong with a list of places.
type Fault struct {
	Index   int // in the list
	Problem string
}

// Error returns the fault as one line.
func (f *Fault) Error() string { return fmt.Sprintf("place %d: %s", f.Index, f.Problem) }

// Parse reads places: one of the given kinds, or else an address, which stays as it is. The error joins a [Fault] for each
// place that is written wrong.
func Parse(texts []string, kinds map[string]Kind) (*Places, error) {
	p := &Places{}
	var errs []error
	for i, text := range texts {
		name, rest, _ := strings.Cut(text, ":")
		kind, known := kinds[name]
		if !known {
			p.fixed = append(p.fixed, text)
			continue
		}
		source, err := kind(rest)
		if err != nil {
			errs = append(errs, &Fault{Index: i, Problem: err.Error()})
			continue
		}
		p.sources = append(p.sources, place{text, source})
	}
	return p, errors.Join(errs...)
}

// Fixed are the addresses among the places, and whether there is nothing else.
func (p *Places) Fixed() (addrs []string, all bool) { return p.fixed, len(p.sources) == 0 }

// Addrs implements Source. A place that cannot be asked hides none of the others.
func (p *Places) Addrs(ctx context.Context) ([]string, error) {
	addrs := slices.Clone(p.fixed)
	var errs []error
	for _, s := range p.sources {
		found, err := s.Addrs(ctx)
		addrs = append(addrs, found...)
		if err != nil {
			errs = append(errs, fmt.Errorf("look for peers in %s: %w", s.text, err))
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), errors.Join(errs...)
}
