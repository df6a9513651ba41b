package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// change is a line of a request for many changes.
type change struct {
	Op  string `json:"op"`
	Cid string `json:"cid"`
	api.PinOptions
}

// changeMany pins or unpins the CIDs of standard input. It goes on after a line that fails, and fails itself at the end.
func changeMany(ctx context.Context, s *session, op string, query url.Values, wait bool) error {
	if wait {
		return usagef("--wait does not go with -: use \"underlay pin ls --status\" to see how far the peers are")
	}
	template := change{Op: op}
	if err := template.FromQuery(query); err != nil {
		return UsageError{err}
	}
	body, writer := io.Pipe()
	go func() { writer.CloseWithError(writeChanges(writer, s.in, template)) }() // ends when body is closed
	defer body.Close()
	done, failed := 0, 0
	err := s.api.Bulk(ctx, body, func(result client.BulkResult) error {
		done++
		s.bar.show(op+"ning", uint64(done), 0, human.Plural(done, "CID"))
		if result.Error != "" {
			failed++
			s.bar.hide()
			fmt.Fprintln(s.notes, "underlay:", joined(fmt.Sprintf("line %d:", result.Line), result.Cid, printable(result.Error)))
		}
		switch {
		case s.json:
			return s.object(result)
		case result.Error == "":
			s.printf("%s", result.Cid)
		}
		return nil
	})
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %s failed", failed, human.Plural(done, "line"))
	}
	return err
}

// writeChanges turns CIDs, one a line, into changes.
func writeChanges(w io.Writer, in io.Reader, template change) error {
	buffered := bufio.NewWriter(w)
	out := json.NewEncoder(buffered)
	for lines := bufio.NewScanner(in); ; {
		if !lines.Scan() {
			return errors.Join(lines.Err(), buffered.Flush())
		}
		template.Cid = strings.TrimSpace(lines.Text())
		if template.Cid == "" {
			continue
		}
		if err := out.Encode(template); err != nil {
			return err
		}
	}
}
