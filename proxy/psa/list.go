package psa

import (
	"context"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

// listPage is how many records are read at a time; no longer is a view of the state held.
const listPage = 1024

// PinResults is a list of requests: the newest ones that match, and how many match in all.
type PinResults struct {
	Count   int         `json:"count"`
	Results []PinStatus `json:"results"`
}

// list returns the newest requests that match a query, and counts them all.
func (s *Service) list(ctx context.Context, q query) (PinResults, error) {
	ctx, pins, err := s.pinsetNow(ctx)
	if err != nil {
		return PinResults{}, err
	}
	judges := s.judgesOf(pins)
	if err := judges.lookAtAll(ctx); err != nil {
		return PinResults{}, err
	}
	var newest []record // and one that is behind the last one shown
	count := 0
	err = s.eachRecord(ctx, q, func(page []record) error {
		found, err := judges.filter(ctx, q, page)
		count += len(found)
		newest = append(newest, found[:min(len(found), q.limit+1-len(newest))]...)
		return err
	})
	if err != nil {
		return PinResults{}, err
	}
	newest = cut(newest, q.limit)
	outcomes, err := judges.of(ctx, newest)
	if err != nil {
		return PinResults{}, err
	}
	requests := make([]request, len(newest))
	for i, r := range newest {
		if r, err = r.whole(); err != nil {
			return PinResults{}, err
		}
		requests[i] = r.request
	}
	shown, err := s.show(ctx, pins, requests, outcomes)
	return PinResults{Count: count, Results: shown}, err
}

// filter returns the records of a page that match.
func (j *judges) filter(ctx context.Context, q query, page []record) ([]record, error) {
	var found []record
	for _, r := range page {
		matches, err := q.matches(r)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, r)
		}
	}
	if q.statuses == allStatuses {
		return found, nil
	}
	outcomes, err := j.of(ctx, found)
	if err != nil {
		return nil, err
	}
	kept := found[:0]
	for i, r := range found {
		if q.statuses.has(outcomes[i].status) {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// cut shortens a list to what is shown of it. Clients page by the time of the last request that they were shown, and those
// in JavaScript know times in milliseconds only: so where it can be, a page does not end within one.
func cut(newest []record, limit int) []record {
	if len(newest) <= limit {
		return newest
	}
	milli := func(r record) int64 { return r.created().Truncate(time.Millisecond).UnixMilli() }
	end := limit
	for end > 0 && milli(newest[end-1]) == milli(newest[limit]) {
		end--
	}
	if end == 0 {
		end = limit
	}
	return newest[:end]
}

// eachRecord calls f with the records that a query may select, newest first and some at a time.
func (s *Service) eachRecord(ctx context.Context, q query, f func([]record) error) error {
	from, to := q.keys()
	if len(q.cids) > 0 {
		return s.eachRecordOf(ctx, q.cids, from, to, f)
	}
	return eachValue(ctx, s.state, from, to, func(values []consensus.Value) error {
		records, err := decodeRecords(values)
		if err != nil {
			return err
		}
		return f(records)
	})
}

func decodeRecords(values []consensus.Value) ([]record, error) {
	records := make([]record, len(values))
	for i, v := range values {
		var err error
		if records[i], err = decodeRecord(v); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// eachRecordOf is eachRecord for the requests for some CIDs, which it finds by their index.
func (s *Service) eachRecordOf(ctx context.Context, cids []api.Cid, from, to string, f func([]record) error) error {
	var keys []string
	for _, c := range cids {
		prefix := indexKeys(c)
		first, end := prefix+from[len(recordSpace):], prefix+to[len(recordSpace):]
		err := eachValue(ctx, s.state, first, end, func(values []consensus.Value) error {
			for _, v := range values {
				keys = append(keys, recordSpace+v.Key[len(prefix):])
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(keys)
	for page := range slices.Chunk(slices.Compact(keys), listPage) {
		var values []consensus.Value
		for _, key := range page {
			found, err := s.state.ValuesBetween(ctx, key, key+"\x00", 1) // none if the request has just ended
			if err != nil {
				return err
			}
			values = append(values, found...)
		}
		records, err := decodeRecords(values)
		if err != nil {
			return err
		}
		if err := f(records); err != nil {
			return err
		}
	}
	return nil
}

// eachValue calls f with the values between two keys, in their order and some at a time.
func eachValue(ctx context.Context, s Values, from, to string, f func([]consensus.Value) error) error {
	for {
		values, err := s.ValuesBetween(ctx, from, to, listPage)
		if err != nil {
			return err
		}
		if err := f(values); err != nil || len(values) < listPage {
			return err
		}
		from = values[len(values)-1].Key + "\x00"
	}
}
