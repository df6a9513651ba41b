// Package denial has the rules by which a cluster denies content to the public, in the form that the APIs show.
package denial

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipfs-shipyard/nopfs"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const (
	maxRuleBytes   = 4 << 10
	maxReasonBytes = 1 << 10
)

// The errors of changes.
var (
	ErrInvalid  error = &failure{http.StatusBadRequest, "invalid rule"}
	ErrNotFound error = &failure{http.StatusNotFound, "there is no such rule"}
	ErrFull     error = &failure{http.StatusInsufficientStorage, "the cluster's denylist is full; a list that is fetched may be longer"}
)

// failure is an error that an API answers with a status.
type failure struct {
	status int
	text   string
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// HTTPStatus is the status of an answer.
func (f *failure) HTTPStatus() int { return f.status }

// Rule denies something.
type Rule struct {
	Rule   string    `json:"rule"`             // /ipfs/CID[/PATH], /ipns/NAME[/PATH] or //HASH
	Status int       `json:"status,omitempty"` // 410, or 451 for legal reasons; 0: that of each peer's settings
	Reason string    `json:"reason,omitempty"` // for the operators, not the public
	By     string    `json:"by"`               // whose credential made it
	At     time.Time `json:"at"`
}

// Check brings a rule into the form in which it is kept. The errors are ErrInvalid.
func (r Rule) Check() (Rule, error) {
	var err error
	if r.Rule, err = Canonical(r.Rule); err != nil {
		return r, err
	}
	switch {
	case r.Status != 0 && r.Status != http.StatusGone && r.Status != http.StatusUnavailableForLegalReasons:
		return r, fmt.Errorf("%w: status: must be 410 or 451, is %d", ErrInvalid, r.Status)
	case len(r.Reason) > maxReasonBytes || !utf8.ValidString(r.Reason):
		return r, fmt.Errorf("%w: reason: must be text of %d bytes at most", ErrInvalid, maxReasonBytes)
	}
	return r, nil
}

// ID is the same for all forms of what a canonical rule denies.
func (r Rule) ID() string {
	key := r.Rule
	if p, err := path.NewPath(r.Rule); err == nil && p.Namespace() == path.IPFSNamespace {
		segments := p.Segments()
		if c, err := cid.Decode(segments[1]); err == nil {
			key = "/ipfs/" + c.Hash().B58String() + "/" + strings.Join(segments[2:], "/")
		}
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Paths are the content paths that the rule denies, in the forms in which clients ask for them. There are none of a hash.
func (r Rule) Paths() []string {
	p, err := path.NewPath(r.Rule)
	if err != nil || strings.HasPrefix(r.Rule, "//") {
		return nil
	}
	segments := p.Segments()
	roots := []string{segments[1]}
	add := func(text string) {
		if text != segments[1] {
			roots = append(roots, text)
		}
	}
	if c, err := cid.Decode(segments[1]); p.Namespace() == path.IPFSNamespace && err == nil {
		add(cid.NewCidV1(c.Type(), c.Hash()).String())
		if decoded, err := multihash.Decode(c.Hash()); err == nil && c.Type() == cid.DagProtobuf &&
			decoded.Code == multihash.SHA2_256 && decoded.Length == sha256.Size {
			add(cid.NewCidV0(c.Hash()).String())
		}
	} else if name, err := ipns.NameFromString(segments[1]); err == nil {
		add(name.Peer().String())
	}
	paths := make([]string, 0, len(roots))
	for _, root := range roots {
		paths = append(paths, "/"+strings.Join(append([]string{segments[0], root}, segments[2:]...), "/"))
	}
	return paths
}

// Canonical is the one form of a rule. Beside the forms of [Rule] it takes a bare CID, ipfs:// and ipns://, and a star
// behind the last slash, which says nothing: what is below a denied path is denied. The errors are ErrInvalid.
func Canonical(text string) (string, error) {
	if len(text) > maxRuleBytes || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "", fmt.Errorf("%w: must be text of %d bytes at most, without control characters", ErrInvalid, maxRuleBytes)
	}
	if hash, ok := strings.CutPrefix(text, "//"); ok {
		return canonicalHash(hash)
	}
	for _, namespace := range []string{path.IPFSNamespace, path.IPNSNamespace} {
		if rest, ok := strings.CutPrefix(text, namespace+"://"); ok {
			text = "/" + namespace + "/" + rest
		}
	}
	if !strings.HasPrefix(text, "/") {
		text = "/ipfs/" + text
	}
	p, err := path.NewPath(strings.TrimSuffix(text, "/*"))
	if err != nil {
		return "", fmt.Errorf("%w: %q: %w", ErrInvalid, text, err)
	}
	segments := p.Segments()
	if segments[1], err = canonicalRoot(segments[0], segments[1]); err != nil {
		return "", err
	}
	return "/" + strings.Join(segments, "/"), nil
}

func canonicalHash(text string) (string, error) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == sha256.Size {
		return "//" + strings.ToLower(text), nil
	}
	sum, err := multihash.FromB58String(text)
	if err == nil {
		var decoded *multihash.DecodedMultihash
		if decoded, err = multihash.Decode(sum); err == nil && decoded.Code == multihash.IDENTITY {
			err = errors.New("an identity hash hides nothing")
		}
	}
	if err != nil {
		return "", fmt.Errorf("%w: %q is neither a SHA-256 in 64 hexadecimal digits nor a multihash in base58: %w", ErrInvalid, text, err)
	}
	return "//" + text, nil
}

func canonicalRoot(namespace, root string) (string, error) {
	switch namespace {
	case path.IPFSNamespace:
		c, err := cid.Decode(root)
		if err != nil {
			return "", fmt.Errorf("%w: %q is no CID: %w", ErrInvalid, root, err)
		}
		if what, ok := nopfs.SafeCids[c]; ok {
			return "", fmt.Errorf("%w: %s is the %s, which is in too much to be denied", ErrInvalid, root, what)
		}
		return c.String(), nil
	case path.IPNSNamespace:
		if name, err := ipns.NameFromString(root); err == nil {
			return name.String(), nil
		}
		domain := strings.ToLower(strings.TrimSuffix(root, "."))
		if !strings.Contains(domain, ".") || strings.ContainsAny(domain, " *?") {
			return "", fmt.Errorf("%w: %q is neither a key nor a domain", ErrInvalid, root)
		}
		return domain, nil
	}
	return "", fmt.Errorf("%w: begins with /%s/, not /ipfs/ or /ipns/", ErrInvalid, namespace)
}
