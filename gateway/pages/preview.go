package pages

import (
	"html/template"
	"net/http"

	"github.com/ipfs/boxo/gateway/assets"
	"github.com/ipfs/go-cid"
)

// boxosPreviewTag is how boxo's entity tag of a preview begins.
const boxosPreviewTag = `"DagIndex-`

// previewData is what the template of a preview gets: a node of structured data that is no file and no directory.
type previewData struct {
	Style   template.CSS
	Path    string
	CID     string
	Codec   string // by its name; empty if it has none
	Format  string // of ?format= for the node as text or bytes of its codec
	Fields  []field
	More    bool
	Decoded bool // the node could be decoded
}

// field is a part of a node.
type field struct {
	Name   string
	Value  string
	Link   string // where the value leads
	Long   bool   // the value has several lines
	Fields []field
}

// preview makes the page for a node.
func (p *Pages) preview(r *http.Request, contentPath string, c cid.Cid) ([]byte, error) {
	node, codec, err := p.Content.Node(r.Context(), c)
	if err != nil {
		return nil, err
	}
	data := previewData{Style: p.style, Path: contentPath, CID: c.String(), Codec: codec, Decoded: node != nil}
	if codec == "dag-json" || codec == "dag-cbor" {
		data.Format = codec
	}
	if node != nil {
		left := mostEntries
		gateway := gatewayOf(r)
		if assets.HasDNSLinkOrigin(gateway, contentPath) {
			gateway = "https://cid.ipfs.tech/#"
		} else {
			gateway += "/ipfs/"
		}
		root := fieldOf("", node, gateway, &left)
		if data.Fields = root.Fields; len(root.Fields) == 0 {
			data.Fields = []field{root}
		}
		data.More = left == 0
	}
	return p.render("preview.html", data)
}

// fieldOf shows a node and what is in it, as long as there is room left.
func fieldOf(name string, node *assets.ParsedNode, gateway string, left *int) field {
	f := field{Name: name, Value: node.Value, Long: node.Long}
	if node.CID != "" {
		f.Link = gateway + node.CID
	}
	for i, value := range node.Values {
		if *left == 0 {
			break
		}
		*left--
		f.Fields = append(f.Fields, fieldOf(node.Keys[i].Value, value, gateway, left))
	}
	return f
}
