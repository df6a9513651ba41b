package stockbench

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"
)

// blockSize is the size of the blocks that are pinned. Small ones, because what is measured is pins and not disks.
const blockSize = 256

// inlineCIDs makes n CIDs that contain their content, so that every node has it without storing a block.
func inlineCIDs(n int) []string {
	cids := make([]string, n)
	for i := range cids {
		cids[i] = rawCID(multihash.IDENTITY, random(34)).String()
	}
	return cids
}

// importBlocks stores n random blocks on every host of a side and returns their CIDs.
func (s *side) importBlocks(b *testing.B, n int) []string {
	b.Helper()
	car, cids := newArchive(n)
	var g errgroup.Group
	for _, h := range s.hosts {
		g.Go(func() error { return s.importArchive(h, car) })
	}
	if err := g.Wait(); err != nil {
		b.Fatalf("import blocks into %s: %v", s.name, err)
	}
	return cids
}

func (s *side) importArchive(h *host, car []byte) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "blocks.car")
	if err != nil {
		return err
	}
	if _, err := part.Write(car); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	patient := &http.Client{Transport: s.client.Transport} // many blocks take longer than one request otherwise may
	resp, err := patient.Post(h.rpc+"/api/v0/dag/import?pin-roots=false", form.FormDataContentType(), &body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if late := resp.Trailer.Get("X-Stream-Error"); resp.StatusCode != http.StatusOK || late != "" {
		return fmt.Errorf("%w %d: %s%s", errStatus, resp.StatusCode, answer, late)
	}
	return nil
}

// newArchive makes a CAR file of n random blocks; the first one is its root, because there has to be one.
func newArchive(n int) (car []byte, cids []string) {
	for i := range n {
		content := random(blockSize)
		c := rawCID(multihash.SHA2_256, content)
		cids = append(cids, c.String())
		if i == 0 {
			car = appendSection(car, archiveHeader(c))
		}
		car = appendSection(car, append(c.Bytes(), content...))
	}
	return car, cids
}

// archiveHeader is the DAG-CBOR of {"roots": [root], "version": 1}.
func archiveHeader(root cid.Cid) []byte {
	header := []byte("\xa2\x65roots\x81\xd8\x2a\x58")
	header = append(header, byte(root.ByteLen()+1), 0) // CIDs in DAG-CBOR begin with a zero
	header = append(header, root.Bytes()...)
	return append(header, "\x67version\x01"...)
}

func appendSection(car, section []byte) []byte {
	return append(binary.AppendUvarint(car, uint64(len(section))), section...)
}

func rawCID(hash uint64, content []byte) cid.Cid {
	sum, err := multihash.Sum(content, hash, -1)
	if err != nil {
		panic(err) // the two functions in use never fail
	}
	return cid.NewCidV1(cid.Raw, sum)
}

func random(n int) []byte {
	buf := make([]byte, n)
	rand.Read(buf) //nolint:errcheck // never fails
	return buf
}
