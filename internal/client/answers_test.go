package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// FuzzAnswers: whatever a peer sends, an event or a status is either an error or valid JSON that is handed on as it came.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("event: start\ndata: {\"index\":7,\"type\":\"start\"}\n\n: beat\n\nid: 8-1\nevent: pinned\ndata: {\"id\":\"8-1\",\ndata: \"cid\":\"bafk\"}\n\n"))
	f.Add([]byte("event: error\ndata: {\"message\":\"the peer stops\"}\n\n"))
	f.Add([]byte("data: {\n\n"))
	f.Add([]byte("data: {\"name\":\"stop here\"}\n\ndata: {}\n\n"))
	f.Add([]byte(`{"cid":"bafk","name":"n","peer_map":{"12D3":{"peername":"a","status":"pinned","timestamp":"2026-01-02T03:04:05Z"}}}`))
	c, err := New(Options{URL: "http://127.0.0.1:9095"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		last := false
		err := c.readEvents(bytes.NewReader(raw), func(_ Event, sent []byte) error {
			if last {
				t.Error("an event is handed over after the end")
			}
			last = bytes.Contains(sent, []byte("stop here"))
			if !json.Valid(sent) {
				t.Errorf("%q is handed on", sent)
			}
			if last {
				return errStop
			}
			return nil
		})
		if last != errors.Is(err, errStop) {
			t.Errorf("reading ended with %v", err)
		}
		s, err := c.parseStatus(raw)
		if err != nil {
			if !strings.Contains(err.Error(), c.URL()) {
				t.Errorf("error %v does not say whose answer it is", err)
			}
			return
		}
		if again, err := json.Marshal(s); err != nil || !json.Valid(again) {
			t.Errorf("written again as %q, %v", again, err)
		}
	})
}

var errStop = errors.New("stop")
