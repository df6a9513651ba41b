package gatewayspec

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
)

// rangeRules are of HTTP: parts of a file.
func (f *Fixture) rangeRules() []Rule {
	path, content := ipfs(f.large.Cid()), f.largeBytes
	etag := quoted(f.large.Cid().String())
	return []Rule{
		{"a file has ranges", get(path), []expect{header("Accept-Ranges", "bytes")}},
		{"from one byte to another", get(path).with("Range: bytes=990-1010"), []expect{
			status(206), body(content[990:1011]), header("Content-Range", "bytes 990-1010/2500"), header("Content-Length", "21"), header("Etag", etag), forEver,
		}},
		{"from a byte on", get(path).with("Range: bytes=2000-"), []expect{status(206), body(content[2000:]), header("Content-Range", "bytes 2000-2499/2500")}},
		{"the last bytes", get(path).with("Range: bytes=-10"), []expect{status(206), body(content[2490:]), header("Content-Range", "bytes 2490-2499/2500")}},
		{"more than there is", get(path).with("Range: bytes=2490-9999"), []expect{status(206), body(content[2490:]), header("Content-Range", "bytes 2490-2499/2500")}},
		{"behind the end", get(path).with("Range: bytes=2500-"), []expect{status(416), header("Content-Range", "bytes */2500")}},
		{"HEAD of a range", head(path).with("Range: bytes=0-9"), []expect{status(206), text(""), header("Content-Length", "10"), header("Content-Range", "bytes 0-9/2500")}},
		{"of this version", get(path).with("Range: bytes=0-9", "If-Range: "+etag), []expect{status(206), body(content[:10])}},
		{"of another version is everything", get(path).with("Range: bytes=0-9", `If-Range: "other"`), []expect{status(200), body(content)}},
		{"of what is known already", get(path).with("Range: bytes=0-9", "If-None-Match: "+etag), []expect{status(304)}},
		{"several", get(path).with("Range: bytes=0-9,990-1010,-5"), []expect{
			status(206), parts("2500", content, [2]int{0, 10}, [2]int{990, 1011}, [2]int{2495, 2500}), header("Etag", etag), forEver,
		}},
		{"several, one of which is there", get(path).with("Range: bytes=9000-,0-9"), []expect{status(206), body(content[:10]), header("Content-Range", "bytes 0-9/2500")}},
		{"several, none of which is there", get(path).with("Range: bytes=9000-,9500-"), []expect{status(416), header("Content-Range", "bytes */2500")}},
		{"several that are more than everything", get(path).with("Range: bytes=0-,1-"), []expect{status(200), body(content)}},
		{"several of what is known already", get(path).with("Range: bytes=0-9,20-29", "If-None-Match: "+etag), []expect{status(304)}},
		{"of a block", get(path + "?format=raw").with("Range: bytes=0-3"), []expect{status(206), body(f.large.RawData()[:4])}},
		{"several of a block", get(path + "?format=raw").with("Range: bytes=0-3,6-7"), []expect{
			status(206), parts(fmt.Sprint(len(f.large.RawData())), f.large.RawData(), [2]int{0, 4}, [2]int{6, 8}),
		}},
		{"before a block that is missing", get(ipfs(f.gap.Cid())).with("Range: bytes=0-3999"), []expect{status(206), body(f.gapBytes[:4000])}},
		{"behind a block that is missing", get(ipfs(f.gap.Cid())).with("Range: bytes=8000-"), []expect{status(206), body(f.gapBytes[8000:])}},
		{"on both sides of a block that is missing", get(ipfs(f.gap.Cid())).with("Range: bytes=0-9,11990-11999"), []expect{
			status(206), parts("12000", f.gapBytes, [2]int{0, 10}, [2]int{11990, 12000}),
		}},
	}
}

// parts wants these parts of the content, from and to, in one multipart body of the length that is announced.
func parts(size string, content []byte, want ...[2]int) expect {
	return func(a *answer) error {
		kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/byteranges" {
			return fmt.Errorf("Content-Type %q: %v", a.Header.Get("Content-Type"), err)
		}
		if a.ContentLength != int64(len(a.body)) {
			return fmt.Errorf("Content-Length %d with %d bytes", a.ContentLength, len(a.body))
		}
		r := multipart.NewReader(bytes.NewReader(a.body), params["boundary"])
		for _, w := range want {
			part, err := r.NextPart()
			if err != nil {
				return err
			}
			got, err := io.ReadAll(part)
			if err != nil {
				return err
			}
			at := fmt.Sprintf("bytes %d-%d/%s", w[0], w[1]-1, size)
			if part.Header.Get("Content-Range") != at || !bytes.Equal(got, content[w[0]:w[1]]) {
				return fmt.Errorf("part %q of %d bytes, want %s", part.Header.Get("Content-Range"), len(got), at)
			}
		}
		if _, err := r.NextPart(); err != io.EOF {
			return fmt.Errorf("behind the last part: %v", err)
		}
		return nil
	}
}
