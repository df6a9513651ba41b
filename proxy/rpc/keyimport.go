package rpc

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"sync"

	cmds "github.com/ipfs/go-ipfs-cmds"
	corecommands "github.com/ipfs/kubo/core/commands"
	"github.com/ipfs/kubo/core/commands/cmdenv"
	"github.com/ipfs/kubo/core/commands/keyencode"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The formats of an imported key, by kubo's names.
const (
	formatProtobuf = "libp2p-protobuf-cleartext"
	formatPEM      = "pem-pkcs8-cleartext"
)

// importKeysToNode has `key import` store the key with the node of the request. Kubo's own opens the repository by its path
// and would put it into the directory of one peer. It is to be done once in a process, however many APIs it serves.
var importKeysToNode = sync.OnceFunc(func() {
	changed := *corecommands.KeyCmd.Subcommands["import"]
	changed.Run = importKey
	corecommands.KeyCmd.Subcommands["import"] = &changed
})

// importKey is the command. Its errors are kubo's, word by word.
func importKey(req *cmds.Request, res cmds.ResponseEmitter, env cmds.Environment) error {
	name := req.Arguments[0]
	if name == "self" {
		return fmt.Errorf("cannot import key with name 'self'")
	}
	base, _ := req.Options[keyencode.OptionIPNSBase.Name()].(string)
	encoder, err := keyencode.KeyEncoderFromString(base)
	if err != nil {
		return err
	}
	file, err := cmdenv.GetFileArg(req.Files.Entries())
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	format, _ := req.Options["format"].(string)
	key, err := decodeKey(data, format)
	if err != nil {
		return err
	}
	if anyType, _ := req.Options["allow-any-key-type"].(bool); !anyType && !generated(key) {
		return fmt.Errorf("key type %T is not allowed to be imported, only RSA or Ed25519;"+
			" use flag --allow-any-key-type if you are sure of what you're doing", key)
	}
	node, err := cmdenv.GetNode(env)
	if err != nil {
		return err
	}
	if _, err := node.Repo.Keystore().Get(name); err == nil {
		return fmt.Errorf("key with name '%s' already exists", name)
	}
	if err := node.Repo.Keystore().Put(name, key); err != nil {
		return err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return err
	}
	return cmds.EmitOnce(res, &corecommands.KeyOutput{Name: name, Id: encoder.FormatID(id)})
}

// generated tells whether a key is of a kind that `key gen` makes.
func generated(key crypto.PrivKey) bool {
	switch key.(type) {
	case *crypto.RsaPrivateKey, *crypto.Ed25519PrivateKey:
		return true
	}
	return false
}

func decodeKey(data []byte, format string) (crypto.PrivKey, error) {
	switch format {
	case formatProtobuf:
		key, err := crypto.UnmarshalPrivateKey(data)
		if err == nil {
			return key, nil
		}
		if block, _ := pem.Decode(data); block != nil {
			return nil, fmt.Errorf("unexpected PEM block for format=%s: try again with format=%s", formatProtobuf, formatPEM)
		}
		return nil, fmt.Errorf("unable to unmarshall format=%s: %w", formatProtobuf, err)
	case formatPEM:
		return decodePEM(data)
	}
	return nil, fmt.Errorf("unrecognized import format: %s", format)
}

func decodePEM(data []byte) (crypto.PrivKey, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("PEM block not found in input data:\n%s", rest)
	}
	if block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("expected PRIVATE KEY type in PEM block but got: %s", block.Type)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing PKCS8 format: %w", err)
	}
	if key, ok := parsed.(ed25519.PrivateKey); ok {
		parsed = &key // libp2p wants a pointer
	}
	key, _, err := crypto.KeyPairFromStdKey(parsed)
	if err != nil {
		return nil, fmt.Errorf("converting std Go key to libp2p key: %w", err)
	}
	return key, nil
}
