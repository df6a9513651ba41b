package itest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// PinRequest is a request of the pinning service, as its API shows it.
type PinRequest struct {
	RequestID string
	Status    string
	Created   time.Time
	Pin       struct {
		Cid, Name string
		Origins   []string
		Meta      map[string]string
	}
	Delegates []string
	Info      map[string]string
}

// PinList is a list of requests.
type PinList struct {
	Count   int
	Results []PinRequest
}

// InlineCid returns a CID that holds its content, so that no peer has to fetch it.
func InlineCid(content string) string {
	hash, err := multihash.Sum([]byte(content), multihash.IDENTITY, -1)
	if err != nil { // there is nothing to compute
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, hash).String()
}

// Request calls the pinning service at a base URL and reads its JSON answer into out, if that is not nil.
func Request(client *http.Client, method, url, body string, out any) error {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300:
		return &StatusError{resp.StatusCode, string(raw)}
	case out == nil:
		return nil
	}
	return json.Unmarshal(raw, out)
}

// AskToPin makes a request for a CID through the peer's pinning service.
func (p *Peer) AskToPin(cid, name string) (made PinRequest, err error) {
	return made, Request(p.http, http.MethodPost, p.PSA+"/pins", fmt.Sprintf(`{"cid":%q,"name":%q}`, cid, name), &made)
}

// PinRequest returns a request as this peer sees it.
func (p *Peer) PinRequest(id string) (found PinRequest, err error) {
	return found, Request(p.http, http.MethodGet, p.PSA+"/pins/"+id, "", &found)
}

// EndRequest deletes a request through this peer.
func (p *Peer) EndRequest(id string) error {
	return Request(p.http, http.MethodDelete, p.PSA+"/pins/"+id, "", nil)
}

// PinRequests lists requests; filters are key=value.
func (p *Peer) PinRequests(filters ...string) (list PinList, err error) {
	query := make(url.Values)
	for _, f := range filters {
		key, value, _ := strings.Cut(f, "=")
		query.Add(key, value)
	}
	return list, Request(p.http, http.MethodGet, p.PSA+"/pins?"+query.Encode(), "", &list)
}

// anyStatus makes a list of requests show all of them.
const anyStatus = "status=queued,pinning,pinned,failed"
