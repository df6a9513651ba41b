package itest

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
)

// AddTree adds a directory with the files at the given paths through the RPC API, and returns its CID. Its pin is
// acknowledged.
func (p *Peer) AddTree(tree map[string][]byte) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, content := range tree {
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=file; filename=%q", url.QueryEscape(name))},
			"Content-Type":        {"application/octet-stream"},
		})
		if err == nil {
			_, err = part.Write(content)
		}
		if err != nil {
			return "", err
		}
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	resp, err := p.http.Post(p.API+"/api/v0/add?cid-version=1&wrap-with-directory=true&quieter=true", form.FormDataContentType(), &body)
	if err != nil {
		return "", err
	}
	answer, err := readAnswer(resp)
	if err != nil {
		return "", fmt.Errorf("add a tree through %s: %w", p.Name, err)
	}
	_, rest, _ := strings.Cut(string(answer), `"Name":"","Hash":"`)
	cid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return "", fmt.Errorf("add a tree through %s: %s", p.Name, answer)
	}
	return cid, nil
}
