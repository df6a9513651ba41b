package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/files"
)

// Add uploads files and directories, and hands f what the cluster has made of them as it tells it. sent is told how many
// bytes have gone out; it may be nil. It returns when the roots are pinned.
func (c *Client) Add(ctx context.Context, content files.Directory, options url.Values, sent func(int), f func(api.AddedOutput) error) error {
	req, err := c.request(ctx, http.MethodPost, "/add", options)
	if err != nil {
		return err
	}
	form := files.NewMultiFileReader(content, true, false)
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+form.Boundary())
	setBody(req, &counter{form, sent}, -1)
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachLine(resp, func(line []byte) error {
		var added api.AddedOutput
		if err := json.Unmarshal(line, &added); err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.URL(), err)
		}
		return f(added)
	})
}

// counter tells how much is read through it.
type counter struct {
	io.Reader
	read func(int)
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.read != nil && n > 0 {
		c.read(n)
	}
	return n, err
}
