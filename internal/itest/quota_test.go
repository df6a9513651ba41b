package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const quotaAdmin = "admin-token-of-more-than-32-characters"

// startWithAdmin starts a cluster whose requests are made by the administrator.
func startWithAdmin(t *testing.T) *Cluster {
	t.Helper()
	c := Start(t, "--config", settingsOf(t, "api:\n  admin_token: "+quotaAdmin+"\n"))
	c.As(quotaAdmin)
	return c
}

// makeLimited makes a token that may add and pin, with a quota in JSON.
func (p *Peer) makeLimited(t *testing.T, quota string) (id, token string) {
	t.Helper()
	answer, err := p.post("/access/tokens", `{"name": "limited", "scopes": ["add", "pin"], `+quota+`}`)
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ ID, Token string }
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID, made.Token
}

// usage is what a credential keeps.
type usage struct{ Pins, Bytes uint64 }

// used asks what the own credential keeps.
func (p *Peer) used() (usage, error) {
	answer, err := p.Do(http.MethodGet, "/access/self")
	if err != nil {
		return usage{}, err
	}
	var self struct{ Used usage }
	return self.Used, json.Unmarshal(answer, &self)
}

// keeps checks what the own credential keeps.
func (p *Peer) keeps(t *testing.T, want usage) {
	t.Helper()
	if got, err := p.used(); err != nil || got != want {
		t.Errorf("through %s: the credential keeps %+v (%v), want %+v", p.Name, got, err, want)
	}
}

// restAdd adds a file through the REST API.
func (p *Peer) restAdd(content []byte) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file")
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	resp, err := p.http.Post(p.REST+"/add?stream-channels=false", form.FormDataContentType(), &body)
	if err != nil {
		return err
	}
	_, err = readAnswer(resp)
	return err
}

// wayToPin is one way to pin content that is not pinned yet.
type wayToPin struct {
	name   string
	status int // of what is over quota; 0: kubo tells of it in what it prints
	pin    func(p *Peer, content []byte) error
}

// stored stores content and hands its CID on.
func stored(pin func(p *Peer, cid string) error) func(*Peer, []byte) error {
	return func(p *Peer, content []byte) error {
		cid, err := p.PutBlock(content)
		if err != nil {
			return err
		}
		return pin(p, cid)
	}
}

func waysToPin() []wayToPin {
	rest := func(path string) func(p *Peer, cid string) error {
		return func(p *Peer, cid string) error { _, err := p.Do(http.MethodPost, path+cid); return err }
	}
	service := func(base func(p *Peer) string) func(p *Peer, cid string) error {
		return func(p *Peer, cid string) error {
			return Request(p.http, http.MethodPost, base(p)+"/pins", fmt.Sprintf(`{"cid": %q}`, cid), nil)
		}
	}
	upload := func(command string) func(p *Peer, content []byte) error {
		return func(p *Peer, content []byte) error { _, err := p.Upload(command, content); return err }
	}
	return []wayToPin{
		{"POST /pins/{cid}", 507, stored(rest("/pins/"))},
		{"POST /pins/ipfs/{cid}", 507, stored(rest("/pins/ipfs/"))},
		{"POST /pins", 507, stored(func(p *Peer, cid string) error {
			answers, err := p.bulk(strings.NewReader(fmt.Sprintf("{\"cid\": %q}\n", cid)))
			if err != nil || answers[0].Status == 200 {
				return err
			}
			return &StatusError{answers[0].Status, answers[0].Error}
		})},
		{"POST /add", 507, func(p *Peer, content []byte) error { return p.restAdd(content) }},
		{"add", 507, upload("add?cid-version=1")},
		{"block/put", 507, upload("block/put?pin=true")},
		{"dag/put", 507, func(p *Peer, content []byte) error {
			text := bytes.Repeat([]byte{'a' + content[0]%26}, len(content)+int(content[0])) // no two are alike
			_, err := p.Upload("dag/put?pin=true", fmt.Appendf(nil, "%q", text))
			return err
		}},
		{"dag/import", 0, func(p *Peer, content []byte) error {
			_, err := p.importDAG(dagShape{seed: uint64(len(content)) + uint64(content[0]), roots: 1, branches: 1, leaves: 1, size: len(content)}, "pin-roots=true")
			return err
		}},
		{"pin/add", 507, stored(func(p *Peer, cid string) error { _, err := p.RPC("pin/add", cid); return err })},
		{"POST :9097/pins", 409, stored(service(func(p *Peer) string { return p.PSA }))},
		{"POST /psa/pins", 409, stored(service(func(p *Peer) string { return p.API + "/psa" }))},
	}
}

// pinned returns how many pins there are.
func (p *Peer) pinned(t *testing.T) int {
	t.Helper()
	pins, err := p.Allocations()
	if err != nil {
		t.Fatal(err)
	}
	return len(pins)
}

// In whichever way somebody pins, the pin counts for the credential, and what is over its quota is refused in the words of
// that API and changes nothing.
func TestQuotaOnEveryWayToPin(t *testing.T) {
	c := startWithAdmin(t)
	ways := waysToPin()
	_, few := c.Peers[0].makeLimited(t, fmt.Sprintf(`"max_pins": %d`, len(ways)))
	_, small := c.Peers[0].makeLimited(t, `"max_bytes": 1500`)
	c.As(few)
	n := 0
	content := func(size int) []byte {
		n++
		return bytes.Repeat([]byte{byte(n)}, size)
	}
	for i, way := range ways {
		p := c.Peers[i%len(c.Peers)]
		if err := way.pin(p, content(2000)); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		if got, err := p.used(); err != nil || got.Pins != uint64(i+1) { //nolint:gosec // few
			t.Errorf("%s: keeps %+v, %v", way.name, got, err)
		}
	}
	refused := func(limit string, size int) {
		before := c.Peers[0].pinned(t)
		for _, way := range ways {
			for _, p := range c.Peers {
				err := way.pin(p, content(size))
				if status, _ := asStatus(err); err == nil || status != way.status || !strings.Contains(err.Error(), limit) {
					t.Errorf("%s through %s is over quota: %v", way.name, p.Name, err)
				}
			}
		}
		if after := c.Peers[0].pinned(t); after != before {
			t.Errorf("%d pins, there were %d", after, before)
		}
	}
	refused("max_pins", 20)
	other := c.Peers[2].ID // to whom a request is passed on
	if _, err := c.Peers[0].call(other, "pin/add", []string{InlineCid("through another")}); err == nil || !strings.Contains(err.Error(), "max_pins") {
		t.Errorf("through one peer to another: %v", err)
	}
	c.As(small)
	refused("max_bytes", 2000)
	c.Peers[1].keeps(t, usage{})
	c.filesOfLimited(t)
	c.updateOfLimited(t, ways[4])
	c.As(quotaAdmin)
}

// filesOfLimited checks that who may keep a limited number of bytes does not make the files larger.
func (c *Cluster) filesOfLimited(t *testing.T) {
	t.Helper()
	before, err := c.Peers[0].FilesRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		for name, write := range map[string]func() error{
			"files/write": func() error { return p.WriteFile("/file", []byte("content")) },
			"files/mkdir": func() error { _, err := p.RPC("files/mkdir", "/dir"); return err },
			"add to-files": func() error {
				_, err := p.Upload("add?to-files=/", []byte("for the files"))
				return err
			},
		} {
			if status, _ := asStatus(write()); status != http.StatusInsufficientStorage {
				t.Errorf("%s through %s: status %d", name, p.Name, status)
			}
		}
	}
	if after, err := c.Peers[1].FilesRoot(); err != nil || after != before {
		t.Errorf("the files have changed: %v", err)
	}
	c.As(quotaAdmin)
	if err := c.Peers[0].WriteFile("/large", make([]byte, 3000)); err != nil {
		t.Fatal(err)
	}
	_, small := c.Peers[0].makeLimited(t, `"max_bytes": 1500`)
	c.As(small)
	if _, err := c.Peers[1].RPC("files/mv", "/large", "/l"); err != nil {
		t.Errorf("a shorter name: %v", err)
	}
	if _, err := c.Peers[2].RPC("files/rm", "/l"); err != nil {
		t.Errorf("remove: %v", err)
	}
}

// updateOfLimited checks that an update which replaces a pin needs room for the difference only.
func (c *Cluster) updateOfLimited(t *testing.T, add wayToPin) {
	t.Helper()
	p := c.Peers[2]
	from, err := p.Add(bytes.Repeat([]byte{200}, 1200), "cid-version=1&raw-leaves=true")
	if err != nil {
		t.Fatal(err)
	}
	p.keeps(t, usage{1, 1200})
	to, err := p.PutBlock(bytes.Repeat([]byte{201}, 1400))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.RPC("pin/update", from, to, "unpin=false"); err == nil || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("both pins: %v", err)
	}
	p.keeps(t, usage{1, 1200})
	if _, err := p.RPC("pin/update", from, to); err != nil {
		t.Errorf("one for the other: %v", err)
	}
	c.Peers[0].keeps(t, usage{1, 1400})
	if err := add.pin(p, bytes.Repeat([]byte{202}, 101)); err == nil {
		t.Error("more than there is room for was added")
	}
	if _, err := c.Peers[1].Do(http.MethodDelete, "/pins/"+to); err != nil {
		t.Error(err)
	}
	p.keeps(t, usage{})
}

// A pin whose size nobody knows counts when a peer has fetched it, and is removed again if it is too large.
func TestQuotaOfWhatIsFetched(t *testing.T) {
	c := startWithAdmin(t)
	small, err := c.Peers[0].PutBlock(bytes.Repeat([]byte{1}, 700))
	if err != nil {
		t.Fatal(err)
	}
	large, err := c.Peers[0].PutBlock(bytes.Repeat([]byte{2}, 900))
	if err != nil {
		t.Fatal(err)
	}
	_, token := c.Peers[0].makeLimited(t, `"max_bytes": 1500`)
	c.As(token)
	for _, cid := range []string{small, large} {
		if _, err := c.Peers[1].Do(http.MethodPost, "/pins/"+cid); err != nil { // it has no block of it
			t.Fatal(err)
		}
		Eventually(t, 30*time.Second, func() error {
			got, err := c.Peers[2].used()
			if err == nil && (got != usage{1, 700}) {
				err = fmt.Errorf("keeps %+v", got)
			}
			return err
		})
	}
	if pins, err := c.Peers[2].Allocations(); err != nil || len(pins) != 1 || pins[small] == "" {
		t.Errorf("pinned are %v, %v", pins, err)
	}
	c.fetchWithoutEnd(t, large)
	c.As(quotaAdmin)
}

// fetchWithoutEnd pins a DAG of which one part is nowhere, and the other, of 900 bytes, has no room: the pin is removed while
// it is fetched.
func (c *Cluster) fetchWithoutEnd(t *testing.T, large string) {
	t.Helper()
	hash, err := multihash.Sum([]byte("nobody has this"), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	links := fmt.Appendf(nil, `[{"/": %q}, {"/": %q}]`, large, cid.NewCidV1(cid.Raw, hash))
	answer, err := c.Peers[0].Upload("dag/put", links)
	if err != nil {
		t.Fatal(err)
	}
	var put struct {
		Cid map[string]string
	}
	if err := json.Unmarshal(answer, &put); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[1].Do(http.MethodPost, "/pins/"+put.Cid["/"]); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 50*time.Second, func() error { // a fetch that gets nothing goes on for longer
		if n := c.Peers[2].pinned(t); n != 1 {
			return fmt.Errorf("%d pins", n)
		}
		return nil
	})
	c.Peers[2].keeps(t, usage{1, 700})
}
