package pinset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// A pin may count for an account: in its number of pins, and with its bytes. It
// does so for the account that it was made for, until it is removed, however and
// by whom that happens. Pins without an account have no record here.
//
// The keys are
//
//	'a', account  what counts for it: an Account
//	'c', CID      for whom the pin counts: a charge
//	'u', CID      nothing; the bytes of the pin are not known yet

// Charge says for whom a pin is to count, if it does not count for another: a pin
// that is there already goes on counting for whom it did, if for anybody, unless
// it was direct and becomes recursive.
type Charge struct {
	Account string
	// MaxPins and MaxBytes bound what counts for the account; 0 does not.
	MaxPins, MaxBytes uint64
	// Bytes is how many the pin has. If they are not Known, the pin counts with
	// none until OpSettle says.
	Bytes uint64
	Known bool
}

func (c Charge) check(kind OpKind) error {
	switch {
	case kind != OpPin:
		return fmt.Errorf("account of an operation of kind %d", kind)
	case c.Account == "" || len(c.Account) > MaxKeyBytes || !utf8.ValidString(c.Account):
		return fmt.Errorf("%q names no account", c.Account)
	case c.Known && c.Bytes == math.MaxUint64:
		return errors.New("more bytes than there can be")
	default:
		return nil
	}
}

func (c Charge) encode() []byte {
	b := appendBytes(nil, []byte(c.Account))
	b = binary.AppendUvarint(b, c.MaxPins)
	b = binary.AppendUvarint(b, c.MaxBytes)
	if !c.Known {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, c.Bytes+1)
}

func decodeCharge(b []byte, kind OpKind) (*Charge, error) {
	r := reader{buf: b}
	c := Charge{Account: string(r.bytes()), MaxPins: r.uvarint(), MaxBytes: r.uvarint()}
	if n := r.uvarint(); n > 0 {
		c.Bytes, c.Known = n-1, true
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("charge: %w", err)
	}
	if err := c.check(kind); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return &c, nil
}

// Account is what counts for an account, and the limits that the latest pin for
// it came with.
type Account struct {
	Pins, Bytes       uint64
	MaxPins, MaxBytes uint64
}

func accountKey(name string) []byte { return append([]byte{keyAccount}, name...) }

func (a Account) encode() []byte {
	var b []byte
	for _, n := range []uint64{a.Pins, a.Bytes, a.MaxPins, a.MaxBytes} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeAccount(b []byte) (a Account, err error) {
	r := reader{buf: b}
	for _, n := range []*uint64{&a.Pins, &a.Bytes, &a.MaxPins, &a.MaxBytes} {
		*n = r.uvarint()
	}
	if err := r.end(); err != nil {
		return a, fmt.Errorf("decode account: %w", err)
	}
	return a, nil
}

// room tells what a pin that counts with so many bytes more lacks.
func (a Account) room(pins, bytes uint64, known bool) byte {
	switch {
	case pins > 0 && a.MaxPins > 0 && a.Pins >= a.MaxPins:
		return resultOverPins
	case a.MaxBytes == 0:
		return resultOK
	case bytes > 0 && (a.Bytes > a.MaxBytes || bytes > a.MaxBytes-a.Bytes):
		return resultOverBytes
	case pins > 0 && !known && a.Bytes >= a.MaxBytes:
		return resultOverBytes
	default:
		return resultOK
	}
}

// Counted is for whom a pin counts, and with how many bytes, once they are known.
type Counted struct {
	Account string
	Bytes   uint64
	Settled bool
}

func chargeKey(c api.Cid) []byte    { return append([]byte{keyCharge}, c.Bytes()...) }
func unsettledKey(c api.Cid) []byte { return append([]byte{keyUnsettled}, c.Bytes()...) }

func (c Counted) encode() []byte {
	b := appendBytes(nil, []byte(c.Account))
	if !c.Settled {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, c.Bytes+1)
}

func decodeCounted(b []byte) (Counted, error) {
	r := reader{buf: b}
	c := Counted{Account: string(r.bytes())}
	if n := r.uvarint(); n > 0 {
		c.Bytes, c.Settled = n-1, true
	}
	if err := r.end(); err != nil {
		return c, fmt.Errorf("decode for whom a pin counts: %w", err)
	}
	return c, nil
}

// countedSum checks that the accounts of a snapshot are what its charges add up
// to, while they stream by.
type countedSum struct {
	accounts, charges Account // added up
	open, unsettled   uint64
}

func (s *countedSum) add(key, value []byte) error {
	switch key[0] {
	case keyAccount:
		a, err := decodeAccount(value)
		s.accounts.Pins += a.Pins
		s.accounts.Bytes += a.Bytes
		return err
	case keyCharge:
		c, err := decodeCounted(value)
		s.charges.Pins++
		s.charges.Bytes += c.Bytes
		if !c.Settled {
			s.open++
		}
		return err
	default:
		s.unsettled++
		return nil
	}
}

func (s *countedSum) check() error {
	if s.accounts != s.charges || s.open != s.unsettled {
		return fmt.Errorf("%w: the accounts of the snapshot do not belong to its pins", ErrCorrupt)
	}
	return nil
}
