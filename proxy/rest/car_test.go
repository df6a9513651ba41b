package rest

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/storage"
	"github.com/multiformats/go-multihash"
)

// Every root of a CAR file is told and pinned, in the form that the client asks for; with no-pin they are only told.
func TestRESTAddCARWithSeveralRoots(t *testing.T) {
	archive, roots := testCAR(t, "one", "two", "three")
	for _, c := range []struct {
		query  string
		pinned int // by the API; the adder pins the first
	}{{"format=car", 2}, {"format=car&stream-channels=false", 2}, {"format=car&no-pin=true", 0}} {
		t.Run(c.query, func(t *testing.T) {
			f := newFake()
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			part, err := form.CreateFormFile("file", "archive.car")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write(archive) // into memory
			_ = form.Close()
			resp, err := http.Post(serve(t, f, withAdder(t)).URL+"/add?"+c.query, form.FormDataContentType(), &body)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var answer bytes.Buffer
			if _, err := answer.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s, %v", resp.StatusCode, answer.String(), err)
			}
			for _, root := range roots {
				if !strings.Contains(answer.String(), `{"name":"archive.car","cid":"`+root.String()+`","bytes":11`) {
					t.Errorf("%s is not told: %s", root, answer.String())
				}
			}
			if got := f.changes(); len(got) != c.pinned || c.pinned > 0 && !slices.Contains(got, fmt.Sprintf("pin %s recursive %q", roots[2], "")) {
				t.Errorf("changes %q", got)
			}
		})
	}
}

// testCAR is a CAR file whose roots are raw blocks of the texts.
func testCAR(t *testing.T, texts ...string) ([]byte, []cid.Cid) {
	t.Helper()
	var roots []cid.Cid
	for _, text := range texts {
		hash, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, cid.NewCidV1(cid.Raw, hash))
	}
	var out bytes.Buffer
	archive, err := storage.NewWritable(&out, roots, car.WriteAsCarV1(true))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if err := archive.Put(t.Context(), roots[i].KeyString(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes(), roots
}
