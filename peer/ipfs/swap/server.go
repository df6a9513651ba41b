package swap

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockstore"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// maxStreams is how many streams one member may have open.
	maxStreams = 4
	// writeTimeout is how long a member may take no answers before its stream is given up.
	writeTimeout = time.Minute
	bufferSize   = 64 << 10
)

// server answers members from the node's own blocks, one request after the other on each stream: a block is in memory
// only while it is sent, and a member that reads slowly slows down only itself.
type server struct {
	blocks  blockstore.Blockstore
	admits  func(peer.ID) bool
	ending  context.Context // ends what runs
	end     context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[peer.ID][]network.Stream
}

func newServer(blocks blockstore.Blockstore, admits func(peer.ID) bool) *server {
	s := &server{blocks: blocks, admits: admits, open: make(map[peer.ID][]network.Stream)}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// handle is the handler of the protocol's streams. It returns when the stream has ended.
func (s *server) handle(stream network.Stream) {
	from := stream.Conn().RemotePeer()
	if !s.enter(from, stream) {
		_ = stream.Reset() // what a stranger makes of it is not our concern
		return
	}
	defer s.leave(from, stream)
	defer context.AfterFunc(s.ending, func() { _ = stream.Reset() })()
	if err := s.serve(stream); err != nil {
		_ = stream.Reset()
		return
	}
	_ = stream.Close()
}

func (s *server) enter(from peer.ID, stream network.Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.admits(from) || len(s.open[from]) == maxStreams {
		return false
	}
	s.open[from] = append(s.open[from], stream)
	s.running.Add(1)
	return true
}

func (s *server) leave(from peer.ID, stream network.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[from] = slices.DeleteFunc(s.open[from], func(other network.Stream) bool { return other == stream })
	if len(s.open[from]) == 0 {
		delete(s.open, from)
	}
	s.running.Done()
}

// drop ends the streams of a node that is no member any more.
func (s *server) drop(node peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.open[node] {
		_ = stream.Reset() // its handler sees that
	}
}

// serve answers until the stream ends. Answers are sent when no request waits.
func (s *server) serve(stream network.Stream) error {
	in, out := bufio.NewReaderSize(stream, 4<<10), bufio.NewWriterSize(stream, bufferSize)
	for {
		if in.Buffered() == 0 && out.Buffered() > 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		r, err := readRequest(in)
		if err != nil {
			return err
		}
		a, err := s.answer(r)
		if err != nil {
			return err
		}
		if err := stream.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if err := writeAnswer(out, a); err != nil {
			return err
		}
	}
}

// answer looks the block up. A block that cannot be read is absent for the others, who may have it from elsewhere.
func (s *server) answer(r request) (answer, error) {
	if r.kind == kindHas {
		has, err := s.blocks.Has(s.ending, r.cid)
		if has && err == nil {
			return answer{kind: answerPresent}, nil
		}
		return answer{kind: answerAbsent}, s.ending.Err()
	}
	block, err := s.blocks.Get(s.ending, r.cid)
	if err != nil || len(block.RawData()) > MaxBlock {
		if err != nil && !ipld.IsNotFound(err) && errors.Is(err, context.Canceled) {
			return answer{}, err
		}
		return answer{kind: answerAbsent}, nil
	}
	return answer{kind: answerBlock, data: block.RawData()}, nil
}

// close ends all streams and waits for their handlers.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}
