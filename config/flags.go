package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// BindFlags registers a flag for every setting. Values are checked by [Load], together with those of the other ranks, so
// parsing the command line never fails because of one.
func BindFlags(fs *pflag.FlagSet) {
	for _, f := range fields() {
		v := &flagValue{def: f.Default, kind: f.kind(), hidden: f.hidden()}
		usage := f.Doc
		if f.Path == pathIPFS {
			v.kind = "name=value"
			usage = "Kubo's own settings, repeatable, for example Pubsub.Enabled=true; the value is JSON, else text."
		}
		flag := fs.VarPF(v, f.Flag, "", usage+" ["+f.Env+"]")
		if v.kind == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagValue keeps what the command line says, in order, for Load to parse.
type flagValue struct {
	def, kind string
	hidden    bool // may hold a secret
	given     []string
}

// Set notes one occurrence of the flag.
func (v *flagValue) Set(text string) error {
	v.given = append(v.given, text)
	return nil
}

// String returns what was given, or the default, for help and whoever logs the flags. Secrets are redacted.
func (v *flagValue) String() string {
	switch {
	case v == nil:
		return ""
	case v.given == nil:
		return v.def
	case v.hidden:
		return redacted
	}
	return strings.Join(v.given, ",")
}

// Type names the kind of value for the help text.
func (v *flagValue) Type() string { return v.kind }

// text joins the occurrences: lists and maps add up, of other values the last wins.
func (v *flagValue) text() string {
	if len(v.given) == 0 {
		return ""
	}
	if strings.Contains(v.kind, ",") {
		return strings.Join(v.given, ",")
	}
	return v.given[len(v.given)-1]
}
