package cli

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

// Environment is what the commands take from their process.
type Environment struct {
	Lookup func(string) (string, bool)
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// The groups of commands in the help. Whoever adds a command to the root names one of them.
const (
	GroupUse  = "use"
	GroupRun  = "run"
	GroupMend = "mend"
)

// globals are the flags that all commands of this package share.
type globals struct {
	api, token, auth string
	tls              client.TLS
	json, quiet      bool
	timeout          time.Duration

	env Environment
}

// Complete adds the commands of this package and the global flags to the program's root, which has its other commands
// already, and gives all of them the same help and the same treatment of wrong usage.
func Complete(root *cobra.Command, env Environment) {
	g := &globals{env: env}
	root.AddGroup(
		&cobra.Group{ID: GroupUse, Title: "Use a cluster:"},
		&cobra.Group{ID: GroupRun, Title: "Run peers:"},
		&cobra.Group{ID: GroupMend, Title: "Save and mend:"})
	for _, cmd := range []*cobra.Command{
		statusCommand(g), addCommand(g), pinCommand(g), peersCommand(g), idCommand(g), healthCommand(g), gcCommand(g),
		eventsCommand(g), tokenCommand(g), userCommand(g), denyCommand(g),
	} {
		cmd.GroupID = GroupUse
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{backupCommand(g), restoreCommand(g), importCommand(g), diagCommand(g)} {
		cmd.GroupID = GroupMend
		root.AddCommand(cmd)
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.api, "api", "", "`URL` of a peer's API; see \"underlay help\" for how one is found without it")
	flags.StringVar(&g.token, "token", "", "access `token`; better in UNDERLAY_TOKEN, since others see command lines")
	flags.StringVar(&g.auth, "auth", "", "`user:password`; better in UNDERLAY_AUTH")
	flags.StringVar(&g.tls.CA, "tls-ca", "", "trust the API by this `file` of authorities instead of the system's")
	flags.StringVar(&g.tls.Cert, "tls-cert", "", "`file` of the certificate to show, if the API wants one")
	flags.StringVar(&g.tls.Key, "tls-key", "", "`file` of its key")
	flags.BoolVar(&g.json, "json", false, "print a JSON object a line")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "print only what matters to a script, such as CIDs")
	flags.DurationVar(&g.timeout, "timeout", 0, "give up after this `time`, such as 30s or 5m (default never)")
	family(root)
	checkUsage(root)
	root.SetUsageTemplate(usageTemplate)
}

// ofPeers marks commands that ask a peer, for which alone the global flags mean something.
const ofPeers = "asks a peer"

// command makes cmd one that asks a peer.
func (g *globals) command(cmd *cobra.Command, run func(context.Context, *session, []string) error) *cobra.Command {
	cmd.Annotations = map[string]string{ofPeers: "yes"}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := g.open()
		if err != nil {
			return err
		}
		defer s.close()
		ctx := cmd.Context()
		if s.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.timeout)
			defer cancel()
		}
		return s.explain(cmp.Or(run(ctx, s, args), s.out.err))
	}
	return cmd
}

// usageTemplate is cobra's, except that it shows the global flags only where they mean something.
const usageTemplate = `Usage:{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{else}}
  {{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}

Other:{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if and .HasAvailableInheritedFlags (index .Annotations "` + ofPeers + `")}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} [command] --help" tells more about a command.{{end}}
`
