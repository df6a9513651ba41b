// Package diag writes a report on a running process: one archive with all that somebody needs who is to find out what is
// wrong with it, without its secrets.
//
// Promise: a part that cannot be made, or takes too long, is named with its reason in faults.txt, and the others are there. No
// secret that the report knows stands in any part.
//
// Start reading at [Report].
package diag

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// faultsFile lists the parts that could not be made. It is always there, and the last one.
const faultsFile = "faults.txt"

// Part is a file of a report.
type Part struct {
	Name  string
	Write func(context.Context, io.Writer) error
	// Within is how long it may take.
	Within time.Duration
}

// Report is what an archive is made of.
type Report struct {
	Name    string // of the directory in the archive
	Parts   []Part
	Secrets []string // texts that must not be in it
}

// WriteTo makes all parts at once and then writes them in their order, as a tar archive compressed by gzip.
func (r Report) WriteTo(ctx context.Context, w io.Writer) error {
	contents, faults := make([]bytes.Buffer, len(r.Parts)), make([]error, len(r.Parts))
	var making sync.WaitGroup
	for i, part := range r.Parts {
		making.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, part.Within)
			defer cancel()
			faults[i] = part.Write(ctx, &contents[i])
		})
	}
	making.Wait()
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	hide := r.hider()
	var told strings.Builder
	now := time.Now()
	add := func(name, content string) error {
		content = hide.Replace(content)
		header := &tar.Header{Name: r.Name + "/" + name, Mode: 0o600, Size: int64(len(content)), ModTime: now}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		if _, err := io.WriteString(archive, content); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	}
	for i, part := range r.Parts {
		if faults[i] != nil {
			fmt.Fprintf(&told, "%s: %v\n", part.Name, faults[i])
		}
		if err := add(part.Name, contents[i].String()); err != nil {
			return err
		}
		contents[i].Reset()
	}
	if err := add(faultsFile, told.String()); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// hider takes secrets out of a text. What is very short is no secret, and would be found everywhere.
func (r Report) hider() *strings.Replacer {
	const shortest = 6
	var pairs []string
	for _, s := range r.Secrets {
		if s = strings.TrimSpace(s); len(s) >= shortest {
			pairs = append(pairs, s, "[redacted]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// Check reads an archive to its end, and tells how many files are in it. One that was cut off is an error.
func Check(r io.Reader) (files int, err error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("read report: %w", err)
	}
	archive := tar.NewReader(zipped)
	last := ""
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return files, fmt.Errorf("read report: %w", err)
		}
		files, last = files+1, header.Name
	}
	if _, err := io.Copy(io.Discard, zipped); err != nil { // the checksum is at the end
		return files, fmt.Errorf("read report: %w", err)
	}
	if !strings.HasSuffix(last, "/"+faultsFile) {
		return files, fmt.Errorf("read report: it has no end")
	}
	return files, nil
}
