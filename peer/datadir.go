package peer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	clusterconfig "github.com/ipfs-cluster/ipfs-cluster/config"
)

// ErrDataDirInUse reports that another process has the data directory open.
var ErrDataDirInUse = errors.New("the data directory is in use by another process")

// secretLen is the length in bytes of a private network's pre-shared key (libp2p pnet specification).
const secretLen = 32

// dataDir is the one directory that holds everything a peer keeps. It stays locked while the peer is open, so that
// two processes never share the IPFS repository or the raft log.
type dataDir struct {
	root string
	lock *flock.Flock
}

func openDataDir(root string) (*dataDir, error) {
	for _, dir := range []string{root, filepath.Join(root, "cluster")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create data directory %s: %w", dir, err)
		}
	}
	lock := flock.New(filepath.Join(root, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock data directory %s: %w", root, err)
	}
	if !held {
		return nil, fmt.Errorf("open %s: %w; stop that one or choose another data_dir", root, ErrDataDirInUse)
	}
	return &dataDir{root: root, lock: lock}, nil
}

func (d *dataDir) ipfs() string     { return filepath.Join(d.root, "ipfs") }
func (d *dataDir) cluster() string  { return filepath.Join(d.root, "cluster") }
func (d *dataDir) identity() string { return filepath.Join(d.root, "cluster", "identity.json") }
func (d *dataDir) secret() string   { return filepath.Join(d.root, "cluster", "secret") }
func (d *dataDir) genesis() string  { return filepath.Join(d.root, "cluster", "genesis.json") }
func (d *dataDir) settings() string { return filepath.Join(d.root, "cluster", "settings.json") }
func (d *dataDir) scratch() string  { return filepath.Join(d.root, "scratch") }

// Close releases the lock. It is the last thing that a peer gives back.
func (d *dataDir) Close() error {
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("unlock data directory %s: %w", d.root, err)
	}
	return nil
}

// loadIdentity returns the identity of the cluster host, made on first start.
func (d *dataDir) loadIdentity() (*clusterconfig.Identity, error) {
	raw, err := os.ReadFile(d.identity())
	if err == nil {
		ident := &clusterconfig.Identity{}
		if err := ident.LoadJSON(raw); err != nil {
			return nil, fmt.Errorf("read peer identity %s: %w", d.identity(), err)
		}
		return ident, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read peer identity: %w", err)
	}
	ident, err := clusterconfig.NewIdentity()
	if err != nil {
		return nil, fmt.Errorf("make peer identity: %w", err)
	}
	raw, err = ident.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("encode peer identity: %w", err)
	}
	return ident, writeFile(d.identity(), raw)
}

// errNoSecret reports a peer that shall find others but shares no secret with them.
var errNoSecret = errors.New("cluster.peers names other peers, but cluster.secret is empty; give all of them the same secret")

// loadSecret returns the cluster secret: the configured one, else the one kept from an earlier start, else, for a peer
// that is alone, a new one.
func (d *dataDir) loadSecret(configured []byte, alone bool) (secret []byte, generated bool, err error) {
	if len(configured) > 0 {
		return configured, false, nil
	}
	raw, err := os.ReadFile(d.secret())
	switch {
	case err == nil:
		secret, err = hex.DecodeString(strings.TrimSpace(string(raw)))
		if err != nil || len(secret) != secretLen {
			return nil, false, fmt.Errorf("read cluster secret %s: not %d hexadecimal digits", d.secret(), 2*secretLen)
		}
		return secret, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("read cluster secret: %w", err)
	case !alone:
		return nil, false, errNoSecret
	}
	secret = make([]byte, secretLen)
	if _, err := rand.Read(secret); err != nil {
		return nil, false, fmt.Errorf("make cluster secret: %w", err)
	}
	return secret, true, writeFile(d.secret(), []byte(hex.EncodeToString(secret)+"\n"))
}

// writeFile writes a private file so that a crash leaves the old content or the new, never half of it.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // fails harmlessly once renamed
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// syncDir makes a file's new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
