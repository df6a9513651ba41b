package pinset

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// charge counts a pin for its account, or says why it has no room. s is the slot
// of the pin, as it is before.
func (a *application) charge(op *entryOp, s *slot) (byte, error) {
	want := op.charge
	held, err := a.counted(op.pin.Cid)
	if err != nil {
		return 0, err
	}
	fresh := s.value == nil
	if !fresh {
		if fresh, err = deepens(s.value, op.pin); err != nil {
			return 0, err
		}
	}
	next := Counted{Account: want.Account, Bytes: want.Bytes, Settled: want.Known}
	mine := held.Account == want.Account
	switch {
	case !fresh && (!mine || held.Settled || !want.Known):
		return resultOK, nil
	case !want.Known:
		next.Bytes = 0
	}
	account, err := a.account(want.Account)
	if err != nil {
		return 0, err
	}
	account.MaxPins, account.MaxBytes = want.MaxPins, want.MaxBytes
	more := uint64(1)
	if mine {
		more, account.Bytes = 0, account.Bytes-held.Bytes
	}
	if code := account.room(more, next.Bytes, next.Settled); code != resultOK {
		return code, nil
	}
	if err := a.giveBack(op.pin.Cid); err != nil {
		return 0, err
	}
	return resultOK, a.assign(op.pin.Cid, next, Account{MaxPins: want.MaxPins, MaxBytes: want.MaxBytes})
}

// deepens tells whether a direct pin becomes recursive.
func deepens(stored []byte, pin api.Pin) (bool, error) {
	old, _, err := decodeStored(stored)
	return old.Mode == api.PinModeDirect && pin.Mode != api.PinModeDirect, err
}

// settle makes a pin count with its bytes, or removes it if they are too many.
func (a *application) settle(op *entryOp, s *slot) (byte, error) {
	held, err := a.counted(op.pin.Cid)
	if err != nil {
		return 0, err
	}
	if s.value == nil || held.Account == "" || held.Settled {
		return resultNotFound, nil
	}
	account, err := a.account(held.Account)
	if err != nil {
		return 0, err
	}
	if account.room(0, op.bytes, true) != resultOK {
		_, err := a.remove(&entryOp{kind: OpUnpin, pin: api.Pin{Cid: op.pin.Cid}}, s)
		return resultOverBytes, err
	}
	if err := a.giveBack(op.pin.Cid); err != nil {
		return 0, err
	}
	held.Bytes, held.Settled = op.bytes, true
	return resultOK, a.assign(op.pin.Cid, held, account)
}

// assign makes a pin, which counts for nobody, count. limits has those of its
// account.
func (a *application) assign(c api.Cid, counted Counted, limits Account) error {
	account, err := a.account(counted.Account)
	if err != nil {
		return err
	}
	account.MaxPins, account.MaxBytes = limits.MaxPins, limits.MaxBytes
	account.Pins++
	account.Bytes += counted.Bytes
	if err := a.set(accountKey(counted.Account), account.encode()); err != nil {
		return err
	}
	if !counted.Settled {
		if err := a.set(unsettledKey(c), []byte{}); err != nil {
			return err
		}
	}
	return a.set(chargeKey(c), counted.encode())
}

// giveBack makes a pin count for nobody.
func (a *application) giveBack(c api.Cid) error {
	held, err := a.counted(c)
	if err != nil || held.Account == "" {
		return err
	}
	account, err := a.account(held.Account)
	if err != nil {
		return err
	}
	if account.Pins == 0 || account.Bytes < held.Bytes {
		return fmt.Errorf("%w: pin %s does not count for account %s", ErrCorrupt, c, held.Account)
	}
	account.Pins--
	account.Bytes -= held.Bytes
	stored := account.encode()
	if account.Pins == 0 {
		stored = nil
	}
	return errors.Join(a.set(accountKey(held.Account), stored), a.set(chargeKey(c), nil), a.set(unsettledKey(c), nil))
}

// set puts a value into a slot, nil for none.
func (a *application) set(key, value []byte) error {
	s, err := a.slot(key)
	if err != nil {
		return err
	}
	a.change(s, version{value: value, touched: true})
	return nil
}

// counted returns for whom a pin counts, for nobody if Account is empty.
func (a *application) counted(c api.Cid) (Counted, error) {
	s, err := a.slot(chargeKey(c))
	if err != nil || s.value == nil {
		return Counted{}, err
	}
	return decodeCounted(s.value)
}

func (a *application) account(name string) (Account, error) {
	s, err := a.slot(accountKey(name))
	if err != nil || s.value == nil {
		return Account{}, err
	}
	return decodeAccount(s.value)
}

// Account returns what counts for an account: nothing if it is not known.
func (s *Store) Account(name string) (Account, error) {
	stored, err := s.lookUp(accountKey(name))
	if err != nil || stored == nil {
		return Account{}, err
	}
	return decodeAccount(stored)
}

// Counted returns for whom a pin counts, for nobody if Account is empty.
func (s *Store) Counted(c api.Cid) (Counted, error) {
	stored, err := s.lookUp(chargeKey(c))
	if err != nil || stored == nil {
		return Counted{}, err
	}
	return decodeCounted(stored)
}

// lookUp returns the value of a key, nil if there is none.
func (s *Store) lookUp(key []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	stored, err := s.value(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up key %x: %w", key, err)
	}
	return stored, nil
}

// Unsettled returns the first CIDs, limit of them at most and in the order of
// their bytes, behind one (api.CidUndef: from the beginning), whose pins count for
// an account with bytes that are not known yet.
func (s *Store) Unsettled(ctx context.Context, after api.Cid, limit int) (cids []api.Cid, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	from := []byte{keyUnsettled}
	if after.Defined() {
		from = append(unsettledKey(after), 0)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: []byte{keyUnsettled + 1}})
	if err != nil {
		return nil, fmt.Errorf("list pins without a size: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid() && len(cids) < limit; it.Next() {
		if err := s.interrupted(ctx); err != nil {
			return nil, err
		}
		c, err := api.CastCid(bytes.Clone(it.Key()[1:]))
		if err != nil {
			return nil, fmt.Errorf("%w: key %x: %w", ErrCorrupt, it.Key(), err)
		}
		cids = append(cids, c)
	}
	return cids, it.Error()
}
