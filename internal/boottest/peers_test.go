package boottest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"

	"github.com/underlay/underlay/internal/itest"
)

// api is the private API of an instance, as its neighbours reach it.
func (i *instance) api(path string) string { return "http://" + i.addr + ":9095" + path }

func (i *instance) gateway(path string) string { return "http://" + i.addr + ":8080" + path }

// statusError is an answer that is no success.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

// statusOf is the status of an answer that is no success; 0: there is none.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*statusError](err); ok {
		return answer.status
	}
	return 0
}

// get returns the body of an answer; one that is no success is an error.
func (c *cluster) get(url string) ([]byte, error) { return c.do(http.MethodGet, url, "", nil) }

func (c *cluster) do(method, url, contentType string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = &statusError{res.StatusCode, string(answer)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	return answer, nil
}

// add adds a file through the IPFS RPC API at a URL. When it returns without an error the pin is acknowledged, and must stay.
func (c *cluster) add(at string, content []byte) (cid string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file")
	if err == nil {
		_, err = part.Write(content)
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return "", err
	}
	answer, err := c.do(http.MethodPost, at+"/api/v0/add?cid-version=1&quieter=true", form.FormDataContentType(), &body)
	if err != nil {
		return "", err
	}
	var added struct{ Hash string }
	if err := json.Unmarshal(answer, &added); err != nil {
		return "", fmt.Errorf("add: %w: %s", err, answer)
	}
	c.pins.Lock()
	defer c.pins.Unlock()
	c.contents[added.Hash] = content
	return added.Hash, nil
}

// acknowledged returns the contents of all acknowledged pins by CID.
func (c *cluster) acknowledged() map[string][]byte {
	c.pins.Lock()
	defer c.pins.Unlock()
	return maps.Clone(c.contents)
}

// member is a member of the cluster as the REST API shows it.
type member struct {
	ID       string `json:"id"`
	Peername string `json:"peername"`
	Error    string `json:"error"`
}

// members returns the members as a peer sees them.
func (c *cluster) members(i *instance) (found []member, err error) {
	raw, err := c.get(i.api("/peers"))
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var m member
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("members as %s sees them: %w", i.id, err)
		}
		found = append(found, m)
	}
}

// self returns the peer of an instance.
func (c *cluster) self(i *instance) (me member, err error) {
	raw, err := c.get(i.api("/id"))
	if err == nil {
		err = json.Unmarshal(raw, &me)
	}
	return me, err
}

// replicated returns nil if an instance holds all acknowledged pins.
func (c *cluster) replicated(i *instance) error {
	raw, err := c.get(i.api("/pins?local=true"))
	if err != nil {
		return err
	}
	held := make(map[string]bool)
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var pin struct {
			Cid     string                                    `json:"cid"`
			PeerMap map[string]struct{ Status, Error string } `json:"peer_map"`
		}
		if err := dec.Decode(&pin); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("pins of %s: %w", i.id, err)
		}
		for _, at := range pin.PeerMap {
			if at.Status == "pinned" {
				held[pin.Cid] = true
			}
		}
	}
	lacks := 0
	for cid := range c.acknowledged() {
		if !held[cid] {
			lacks++
		}
	}
	if lacks > 0 {
		return fmt.Errorf("%s lacks %d of %d pins", i.id, lacks, len(c.acknowledged()))
	}
	return nil
}

// isOneCluster waits until the instances of all slots are members of one cluster of three, each holds every acknowledged pin, and each
// gateway serves it.
func (c *cluster) isOneCluster() {
	c.t.Helper()
	var first map[string]bool
	for _, slot := range slots() {
		i := c.has[slot]
		itest.Eventually(c.t, patience, func() error {
			seen, err := c.members(i)
			if err != nil {
				return err
			}
			ids := make(map[string]bool)
			for _, m := range seen {
				if m.Error != "" {
					return fmt.Errorf("%s sees an error of %s: %s", i.id, m.Peername, m.Error)
				}
				ids[m.ID] = true
			}
			if first == nil {
				first = ids
			}
			if len(ids) != 3 || !maps.Equal(ids, first) {
				return fmt.Errorf("%s sees the members %v, another one %v", i.id, ids, first)
			}
			return c.replicated(i)
		})
		for cid, content := range c.acknowledged() {
			if got, err := c.get(i.gateway("/ipfs/" + cid)); err != nil || !bytes.Equal(got, content) {
				c.t.Errorf("%s serves %d of the %d bytes of %s: %v", i.id, len(got), len(content), cid, err)
			}
		}
	}
}
