package cli

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// grantFlags say what a credential allows, for how long, and how much it may keep.
type grantFlags struct {
	scopes            []string
	expireIn          time.Duration
	maxPins, maxBytes string
	forever           bool // of a change
}

func scopes() []string { return []string{"read", "pin", "add", "admin"} }

// noLimit takes a limit away.
const noLimit = "none"

// addGrantFlags gives cmd the flags, for a new credential or for a change of one.
func addGrantFlags(cmd *cobra.Command, change bool) *grantFlags {
	o, none := &grantFlags{}, ""
	flags := cmd.Flags()
	flags.StringSliceVar(&o.scopes, "scope", nil, "what it `allows`: read, pin, add or admin; may be repeated")
	if change {
		none = ", or none for no limit"
		flags.DurationVar(&o.expireIn, "expire-in", 0, "end it after this `time` from now, such as 720h")
		flags.BoolVar(&o.forever, "no-expiry", false, "never end it")
	} else {
		flags.DurationVar(&o.expireIn, "expire-in", 0, "end it after this `time`, such as 720h (default never)")
	}
	flags.StringVar(&o.maxPins, "max-pins", "", "how `many` pins made with it are kept at a time"+none)
	flags.StringVar(&o.maxBytes, "max-bytes", "", "how many `bytes` those pins may have together, such as 500MiB or 2TB"+none)
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions(scopes(), cobra.ShellCompDirectiveNoFileComp))
	return o
}

// request is what a new credential shall be.
func (o *grantFlags) request(name string) (r client.GrantRequest, err error) {
	if len(o.scopes) == 0 {
		return r, usagef("--scope: say what it allows: %s", strings.Join(scopes(), ", "))
	}
	if err := o.checkScopes(); err != nil {
		return r, err
	}
	r = client.GrantRequest{Name: name, Scopes: o.scopes}
	if o.expireIn != 0 {
		r.ExpireIn = o.expireIn.String()
	}
	if o.maxPins != "" {
		if r.MaxPins, err = parsePins(o.maxPins); err != nil {
			return r, err
		}
	}
	if o.maxBytes != "" {
		r.MaxBytes, err = parseBytes(o.maxBytes)
	}
	return r, err
}

func (o *grantFlags) checkScopes() error {
	for _, scope := range o.scopes {
		if !slices.Contains(scopes(), scope) {
			return usagef("--scope: there is no scope %q; there are %s", scope, strings.Join(scopes(), ", "))
		}
	}
	return nil
}

// change is what the flags say that changes.
func (o *grantFlags) change() (client.GrantChange, error) {
	if err := o.checkScopes(); err != nil {
		return nil, err
	}
	if o.forever && o.expireIn != 0 {
		return nil, usagef("--expire-in and --no-expiry exclude each other")
	}
	c := client.GrantChange{}
	if len(o.scopes) > 0 {
		c["scopes"] = o.scopes
	}
	if o.expireIn != 0 {
		c["expire_in"] = o.expireIn.String()
	}
	if o.forever {
		c["expires"] = nil
	}
	for _, limit := range []struct {
		field, given string
		parse        func(string) (uint64, error)
	}{{"max_pins", o.maxPins, parsePins}, {"max_bytes", o.maxBytes, parseBytes}} {
		switch limit.given {
		case "":
		case noLimit:
			c[limit.field] = nil
		default:
			most, err := limit.parse(limit.given)
			if err != nil {
				return nil, err
			}
			c[limit.field] = most
		}
	}
	if len(c) == 0 {
		return nil, usagef("say what changes: --scope, --expire-in, --no-expiry, --max-pins or --max-bytes")
	}
	return c, nil
}

func parsePins(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, usagef("--max-pins must be a number above 0, not %q", s)
	}
	return n, nil
}

// parseBytes reads a size as people write it: with a unit of 1000 (kB, MB) or of 1024 (KiB, MiB), or in bytes.
func parseBytes(s string) (uint64, error) {
	digits := strings.TrimRight(s, "iBKMGTPkmgtpb ")
	unit := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	value, err := strconv.ParseFloat(digits, 64)
	step := 1000.0
	if letter, binary := strings.CutSuffix(unit, "ib"); binary {
		step, unit = 1024, letter
	} else {
		unit = strings.TrimSuffix(unit, "b")
	}
	power := strings.Index("kmgtp", unit) + 1
	if unit == "" && step == 1000 {
		power = 0
	}
	bytes := value * math.Pow(step, float64(power))
	if err != nil || len(unit) > 1 || unit == "" && step == 1024 || !(bytes >= 1 && bytes < math.MaxInt64) {
		return 0, usagef("--max-bytes must be a size such as 1000000, 500MiB or 2TB, not %q", s)
	}
	return uint64(bytes), nil
}

// quotaCells show what a credential keeps of what it may.
func quotaCells(q client.Quota) (pins, bytes string) {
	if q.Used == nil {
		return "-", "-"
	}
	pins, bytes = strconv.FormatUint(q.Used.Pins, 10), human.Size(q.Used.Bytes)
	if q.MaxPins > 0 {
		pins = fmt.Sprintf("%s of %d", pins, q.MaxPins)
	}
	if q.MaxBytes > 0 {
		bytes = fmt.Sprintf("%s of %s", bytes, human.Size(q.MaxBytes))
	}
	return pins, bytes
}
