package restdiff

import (
	"bytes"
	"encoding/binary"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// inline is a CID that has its content in it, so that every node can pin it at once.
func inline(text string) string { return rawCID(text, multihash.IDENTITY) }

// nowhere is the CID of what no node has.
func nowhere(text string) string { return rawCID("nobody has "+text, multihash.SHA2_256) }

// blockCID is the CID of a text as a raw block.
func blockCID(text string) string { return rawCID(text, multihash.SHA2_256) }

func rawCID(text string, function uint64) string {
	hash, err := multihash.Sum([]byte(text), function, -1)
	if err != nil {
		panic(err) // the hash is built in
	}
	return cid.NewCidV1(cid.Raw, hash).String()
}

// body makes the body of a request and its content type.
type body func(v variables) (content []byte, contentType string)

// raw is a body as it is.
func raw(contentType, content string) body {
	return func(v variables) ([]byte, string) { return []byte(v.fill(content)), contentType }
}

// part is one entry of a multipart body.
type part struct{ name, contentType, content string }

func file(name, content string) part { return part{name, "application/octet-stream", content} }
func folder(name string) part        { return part{name, "application/x-directory", ""} }

// form is a multipart body as the clients send it.
func form(parts ...part) body {
	return func(variables) ([]byte, string) {
		var out bytes.Buffer
		w := multipart.NewWriter(&out)
		for _, p := range parts {
			h := make(textproto.MIMEHeader)
			h.Set("Content-Disposition", `form-data; name="file"; filename="`+url.QueryEscape(p.name)+`"`)
			h.Set("Content-Type", p.contentType)
			entry, _ := w.CreatePart(h) // writing to memory cannot fail
			_, _ = entry.Write([]byte(p.content))
		}
		_ = w.Close()
		return out.Bytes(), w.FormDataContentType()
	}
}

// content is a body of one file.
func content(text string) body { return form(file("file", text)) }

// car is a body of one CAR whose roots are raw blocks of the texts.
func car(texts ...string) body { return form(file("archive.car", carOf(texts...))) }

// carOf puts a CAR of version 1 together by hand: a header in CBOR and blocks, each behind its length.
func carOf(texts ...string) string {
	var out bytes.Buffer
	section := func(content []byte) {
		out.Write(binary.AppendUvarint(nil, uint64(len(content))))
		out.Write(content)
	}
	header := append([]byte("\xa2\x65roots"), 0x80+byte(len(texts)))
	for _, text := range texts {
		id := cid.MustParse(blockCID(text)).Bytes()
		header = append(append(header, 0xd8, 0x2a, 0x58, byte(len(id)+1), 0), id...)
	}
	section(append(header, "\x67version\x01"...))
	for _, text := range texts {
		section(append(cid.MustParse(blockCID(text)).Bytes(), text...))
	}
	return out.String()
}

// contentDir makes a directory with what the clients add from the disk.
func contentDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tree/a": "in a tree", "tree/below/b": "deeper in a tree", "tree/.hidden": "hidden", "note": "a note", "other": "another note",
		"big": strings.Repeat("more than one chunk of what is added. ", 10_000), "archive.car": carOf("in an archive"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
