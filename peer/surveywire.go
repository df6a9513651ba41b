package peer

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/peer/reconcile"
)

// surveyProtocol is a question how a peer stands with the pins, and its answer in the order of the CIDs' bytes. Most pins
// are as the pinset says, and nothing is said of them.
//
//	question: log index whose state, or a later one, is meant, number of CIDs (0: all pins), CIDs, origin
//	answer:   length (uvarint), what the peer says of itself (JSON), records
//	record:   kind (1 byte), and after
//	  1, a pin that is not as the pinset says: CID, status, time in Unix nanoseconds, attempts, nodes and bytes fetched, error
//	  2, that all before it and itself was looked at: CID
//	  3, that all was looked at, or 4, that it goes no further: error
//
// CIDs, errors and the origin (request.Pack) have their length before them; numbers are uvarints. Earlier builds know no
// origin.
const (
	surveyProtocol  protocol.ID = "/underlay/survey/2"
	surveyProtocol1 protocol.ID = "/underlay/survey/1"
)

const (
	surveyDiffers = 1
	surveyPassed  = 2
	surveyEnd     = 3
	surveyFailed  = 4
)

const (
	maxSurveyed    = 1 << 14 // CIDs of one question
	maxSurveySelf  = 1 << 16
	maxSurveyError = 1 << 12
)

// surveyRecord is one record of an answer.
type surveyRecord struct {
	kind byte
	key  string // the bytes of the CID
	api.PinInfoShort
	fetched pinstatus.Progress
}

// appendSurvey leaves the origin out.
func appendSurvey(to []byte, s reconcile.Survey) []byte {
	to = binary.AppendUvarint(to, s.Index)
	to = binary.AppendUvarint(to, uint64(len(s.Cids)))
	for _, c := range s.Cids {
		to = append(binary.AppendUvarint(to, uint64(c.ByteLen())), c.KeyString()...)
	}
	return to
}

func readSurvey(r *bufio.Reader) (s reconcile.Survey, err error) {
	if s.Index, err = binary.ReadUvarint(r); err != nil {
		return s, fmt.Errorf("read log index: %w", err)
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return s, fmt.Errorf("read number of CIDs: %w", err)
	}
	if n > maxSurveyed {
		return s, fmt.Errorf("%d CIDs, where %d are the most", n, maxSurveyed)
	}
	for range n {
		raw, err := readBytes(r, maxAwaitCID)
		if err != nil {
			return s, fmt.Errorf("read CID: %w", err)
		}
		c, err := cid.Cast(raw)
		if err != nil {
			return s, fmt.Errorf("read CID: %w", err)
		}
		s.Cids = append(s.Cids, api.NewCid(c))
	}
	return s, nil
}

func appendSelf(to []byte, self api.PinInfoShort) ([]byte, error) {
	text, err := json.Marshal(self)
	if err != nil {
		return nil, fmt.Errorf("describe this peer: %w", err)
	}
	return append(binary.AppendUvarint(to, uint64(len(text))), text...), nil
}

func readSelf(r *bufio.Reader) (self api.PinInfoShort, err error) {
	text, err := readBytes(r, maxSurveySelf)
	if err != nil {
		return self, fmt.Errorf("read what the peer says of itself: %w", err)
	}
	if err := json.Unmarshal(text, &self); err != nil {
		return self, fmt.Errorf("read what the peer says of itself: %w", err)
	}
	return self, nil
}

func (s surveyRecord) append(to []byte) []byte {
	to = append(to, s.kind)
	if s.kind == surveyDiffers || s.kind == surveyPassed {
		to = append(binary.AppendUvarint(to, uint64(len(s.key))), s.key...)
	}
	if s.kind == surveyDiffers {
		to = binary.AppendUvarint(to, uint64(s.Status))
		to = binary.AppendUvarint(to, uint64(s.TS.UnixNano()))
		to = binary.AppendUvarint(to, uint64(s.AttemptCount))
		to = binary.AppendUvarint(to, uint64(s.fetched.Nodes))
		to = binary.AppendUvarint(to, s.fetched.Bytes)
	}
	if s.kind == surveyDiffers || s.kind == surveyFailed {
		text := s.Error[:min(len(s.Error), maxSurveyError)]
		to = append(binary.AppendUvarint(to, uint64(len(text))), text...)
	}
	return to
}

func readSurveyRecord(r *bufio.Reader) (s surveyRecord, err error) {
	if s.kind, err = r.ReadByte(); err != nil {
		return s, err
	}
	switch s.kind {
	case surveyDiffers, surveyPassed, surveyEnd, surveyFailed:
	default:
		return s, fmt.Errorf("record of unknown kind %d", s.kind)
	}
	if s.kind == surveyDiffers || s.kind == surveyPassed {
		key, err := readBytes(r, maxAwaitCID)
		if err != nil {
			return s, fmt.Errorf("read CID: %w", err)
		}
		s.key = string(key)
	}
	if s.kind == surveyDiffers {
		var status, at, attempts, nodes uint64
		for _, to := range []*uint64{&status, &at, &attempts, &nodes, &s.fetched.Bytes} {
			if *to, err = binary.ReadUvarint(r); err != nil {
				return s, fmt.Errorf("read status: %w", err)
			}
		}
		s.Status, s.TS, s.AttemptCount = api.TrackerStatus(status), time.Unix(0, int64(at)), int(attempts) //nolint:gosec // as it was sent
		s.fetched.Nodes = int(nodes)                                                                       //nolint:gosec // as it was sent
	}
	if s.kind == surveyDiffers || s.kind == surveyFailed {
		text, err := readBytes(r, maxSurveyError)
		if err != nil {
			return s, fmt.Errorf("read error text: %w", err)
		}
		s.Error = string(text)
	}
	return s, nil
}
