package swap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
)

func TestMessagesComeBackAsTheyWent(t *testing.T) {
	c := merkledag.NewRawNode([]byte("content")).Cid()
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	requests := []request{{kindGet, c}, {kindHas, c}}
	answers := []answer{{kind: answerBlock, data: []byte("content")}, {kind: answerPresent}}
	for i, r := range requests {
		if err := errors.Join(writeRequest(w, r), writeAnswer(w, answers[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(&buf)
	for i, want := range requests {
		got, err := readRequest(in)
		if err != nil || got != want {
			t.Errorf("request %+v, %v", got, err)
		}
		a, err := readAnswer(in, want.kind)
		if err != nil || a.kind != answers[i].kind || !bytes.Equal(a.data, answers[i].data) {
			t.Errorf("answer %+v, %v", a, err)
		}
	}
	if _, err := readRequest(in); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	for _, r := range []struct{ name, raw string }{
		{"unknown kind", "\x07\x01x"},
		{"no CID", "\x01\x00"},
		{"CID too long", "\x01\xff"},
		{"no CID at all", "\x01\x04abcd"},
		{"cut off", "\x01\x24\x01"},
	} {
		if _, err := readRequest(bufio.NewReader(bytes.NewBufferString(r.raw))); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("request, %s: %v", r.name, err)
		}
	}
	for _, r := range []struct {
		name, raw string
		to        byte
	}{
		{"unknown kind", "\x07", kindGet},
		{"present for a block", "\x01", kindGet},
		{"block for a question", "\x02\x00\x00\x00\x00", kindHas},
		{"block too large", "\x02\xff\x00\x00\x00", kindGet},
		{"cut off", "\x02\x00\x00\x00\x05abc", kindGet},
	} {
		if _, err := readAnswer(bufio.NewReader(bytes.NewBufferString(r.raw)), r.to); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("answer, %s: %v", r.name, err)
		}
	}
}

// Whatever comes, reading ends, takes no more memory than the largest message, and what is read can be written again.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x01\x24\x01\x55\x12\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), byte(kindGet))
	f.Add([]byte("\x02\x00\x00\x00\x05abcde"), byte(kindGet))
	f.Add([]byte("\x01"), byte(kindHas))
	f.Fuzz(func(t *testing.T, raw []byte, to byte) {
		in := bufio.NewReader(bytes.NewReader(raw))
		for {
			r, err := readRequest(in)
			if err != nil {
				break
			}
			var buf bytes.Buffer
			w := bufio.NewWriter(&buf)
			if err := errors.Join(writeRequest(w, r), w.Flush()); err != nil {
				t.Fatal(err)
			}
			if again, err := readRequest(bufio.NewReader(&buf)); err != nil || again != r {
				t.Errorf("%+v became %+v, %v", r, again, err)
			}
		}
		a, err := readAnswer(bufio.NewReader(bytes.NewReader(raw)), to)
		if err == nil && len(a.data) > len(raw) {
			t.Errorf("%d bytes from %d", len(a.data), len(raw))
		}
	})
}
