package itest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Multiaddr returns an HTTP address of a peer in the form that the stock command line clients want.
func Multiaddr(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	host, port, _ := net.SplitHostPort(u.Host)
	return "/ip4/" + host + "/tcp/" + port
}

// requestTimeout ends a request that nobody answers: longer than any peer takes to give up by itself.
const requestTimeout = 2 * time.Minute

// newClient returns a client that keeps a connection to a peer for each of many concurrent callers. It repeats no
// request that may have changed something.
func newClient() *http.Client {
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

// Add adds a file through the RPC API, as `curl -F` does, and returns its CID. The pin is acknowledged when it returns.
func (p *Peer) Add(content []byte, query string) (string, error) {
	answer, err := p.Upload("add?"+query, content)
	if err != nil {
		return "", err
	}
	var added struct{ Hash string }
	return added.Hash, json.Unmarshal(answer, &added)
}

// Upload sends one file to a command of the RPC API, as `curl -F` does, and returns the answer.
func (p *Peer) Upload(command string, content []byte) ([]byte, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file")
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return nil, err
	}
	resp, err := p.http.Post(p.API+"/api/v0/"+command, form.FormDataContentType(), &body)
	if err != nil {
		return nil, err
	}
	answer, err := readAnswer(resp)
	if err != nil {
		return nil, fmt.Errorf("%s through %s: %w", command, p.Name, err)
	}
	return answer, nil
}

// RPC calls a command of the RPC API without a body and returns its answer.
func (p *Peer) RPC(command string, args ...string) (string, error) { return p.call("", command, args) }

// Own calls a command for the peer's own node, without the others.
func (p *Peer) Own(command string, args ...string) (string, error) {
	return p.call(p.ID, command, args)
}

func (p *Peer) call(node, command string, args []string) (string, error) {
	body, _, err := callCommand(p.http, p.API, node, command, args)
	return body, err
}

// peerHeader chooses a peer in a request, and names in an answer the one that gave it.
const peerHeader = "X-Underlay-Peer"

// callCommand calls a command of the RPC API at a base URL, of one peer's node if that is named, and tells who answered.
func callCommand(client *http.Client, base, node, command string, args []string) (body, answeredBy string, err error) {
	query := make(url.Values)
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			key, value = "arg", arg
		}
		query.Add(key, value)
	}
	req, err := http.NewRequest(http.MethodPost, base+"/api/v0/"+command+"?"+query.Encode(), nil)
	if err != nil {
		return "", "", err
	}
	if node != "" {
		req.Header.Set(peerHeader, node)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	answer, err := readAnswer(resp)
	return string(answer), resp.Header.Get(peerHeader), err
}

// Fetch returns what the peer's gateway answers for a path.
func (p *Peer) Fetch(path string) ([]byte, error) {
	resp, err := p.http.Get(p.Gateway + path)
	if err != nil {
		return nil, err
	}
	return readAnswer(resp)
}

// Do sends a request to the REST API, or to any other URL of the peer.
func (p *Peer) Do(method, url string) ([]byte, error) {
	if strings.HasPrefix(url, "/") {
		url = p.REST + url
	}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	return readAnswer(resp)
}

// post sends a JSON body to the REST API.
func (p *Peer) post(path, body string) ([]byte, error) {
	resp, err := p.http.Post(p.REST+path, "application/json", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return readAnswer(resp)
}

// StatusError is an answer that is not a success.
type StatusError struct {
	Code int
	Body string
}

// asStatus returns the status of an answer that is not a success.
func asStatus(err error) (int, bool) {
	status, ok := errors.AsType[*StatusError](err)
	if !ok {
		return 0, false
	}
	return status.Code, true
}

// Error shows the status and the body.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Code, e.Body) }

// readAnswer returns the body of a successful answer. An error in the trailer, which kubo sends when something fails
// after the first byte, counts as a failure.
func readAnswer(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, &StatusError{resp.StatusCode, string(body)}
	}
	if late := resp.Trailer.Get("X-Stream-Error"); late != "" {
		return nil, errors.New(late)
	}
	return body, nil
}

// PutBlock stores a raw block through the RPC API, without a pin, and returns its CID.
func (p *Peer) PutBlock(content []byte) (string, error) {
	answer, err := p.Upload("block/put", content)
	if err != nil {
		return "", err
	}
	var put struct{ Key string }
	return put.Key, json.Unmarshal(answer, &put)
}
