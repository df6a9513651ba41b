package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/pnet"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/multiformats/go-multistream"
)

// errSecretDiffers reports that something answered at a peer's address, but not within our private network.
var errSecretDiffers = errors.New("no cluster peer with our secret answers there: " +
	"the cluster secrets differ, or the port belongs to another program")

// handshakeTimeout bounds one attempt to learn who answers at an address.
const handshakeTimeout = 5 * time.Second

// learnPeerID finds out which peer answers at host:port. The private network's pre-shared key proves that it holds the
// cluster secret and the noise handshake proves its identity; the connection is then dropped, and libp2p dials the
// same address knowing whom to expect.
func learnPeerID(ctx context.Context, hostport string, key crypto.PrivKey, secret []byte) (peer.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", hostport)
	if err != nil {
		return "", fmt.Errorf("reach peer at %s: %w", hostport, err)
	}
	defer raw.Close()
	// Unblocks the reads below when ctx ends.
	defer context.AfterFunc(ctx, func() { raw.Close() })()

	guarded, err := pnet.NewProtectedConn(secret, raw)
	if err != nil {
		return "", fmt.Errorf("protect connection to %s: %w", hostport, err)
	}
	if err := selectNoise(guarded); err != nil {
		return "", fmt.Errorf("greet peer at %s: %w", hostport, err)
	}
	transport, err := noise.New(noise.ID, key, nil)
	if err != nil {
		return "", fmt.Errorf("prepare handshake with %s: %w", hostport, err)
	}
	session, err := transport.WithSessionOptions(noise.DisablePeerIDCheck())
	if err != nil {
		return "", fmt.Errorf("prepare handshake with %s: %w", hostport, err)
	}
	conn, err := session.SecureOutbound(ctx, guarded, "")
	if err != nil {
		return "", fmt.Errorf("identify peer at %s: %w", hostport, err)
	}
	return conn.RemotePeer(), nil
}

// greeting is what a libp2p peer sends first, before it reads anything: a length and the name of the protocol by which
// all others are selected.
const greeting = "\x13/multistream/1.0.0\n"

// greetedConn checks the first bytes that come in. With another pre-shared key they decrypt to noise of the other sort,
// whose first bytes could pass for the length of a message that never ends: no parser may see them.
type greetedConn struct {
	net.Conn
	checked bool
	unread  []byte // of the greeting
	err     error  // errSecretDiffers, or why the greeting did not come
}

func (c *greetedConn) Read(b []byte) (int, error) {
	if !c.checked {
		c.checked, c.unread = true, make([]byte, len(greeting))
		if _, c.err = io.ReadFull(c.Conn, c.unread); c.err == nil && string(c.unread) != greeting {
			c.err = errSecretDiffers
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	if len(c.unread) > 0 {
		n := copy(b, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// selectNoise negotiates the security protocol. Anything but a cut connection or the expected answers means that the
// secrets differ.
func selectNoise(conn net.Conn) error {
	greeted := &greetedConn{Conn: conn}
	_, err := multistream.SelectOneOf([]protocol.ID{noise.ID}, greeted)
	var netErr net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(greeted.err, errSecretDiffers): // whatever became of what we wrote
		return greeted.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return err
	default:
		return fmt.Errorf("%w (%w)", errSecretDiffers, err)
	}
}
