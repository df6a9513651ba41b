package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/cmd/underlay/cli"
	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/memlimit"
	"github.com/underlay/underlay/peer"
)

// version of this program.
const version = "0.1.0"

// environment is what the program takes from its process, so that tests can run it without one.
type environment struct {
	lookup func(string) (string, bool)
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	fatal  func(error) // ends the process, or the test

	// Set while a peer runs.
	stop    func()           // begins its stop, as a signal does
	watch   *watch           // nil: nobody says when the machine ends
	live    *settings        // nil: they do not change
	hangups <-chan os.Signal // each tells it to read them again
}

// liveSettings returns those of the peer, which begin with conf.
func (e environment) liveSettings(conf config.Config, logger *slog.Logger) *settings {
	if e.live != nil {
		return e.live
	}
	return newSettings(conf, func() (config.Config, error) { return conf, nil }, logger)
}

// rootHelp is what "underlay help" begins with.
const rootHelp = `One binary that is a whole IPFS cluster peer, and the command line of a cluster.

"underlay dev" runs a cluster of three peers on this machine; "underlay daemon" runs one peer. The other commands ask a
peer: the one that --api names, else UNDERLAY_API, else the file ~/.config/underlay/client.yaml, else a peer of yours that
runs on this machine, else 127.0.0.1:9095. They print text for people, or with --json one object a line for programs.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 not found, 4 the peer cannot be reached or takes no part in a
quorum, 5 not authorized.`

// run executes the command line and returns the exit code. A daemon that ends at once has 3.
func run(ctx context.Context, args []string, env environment) int {
	root := &cobra.Command{
		Use:           "underlay",
		Short:         "One binary that is a whole IPFS cluster peer",
		Long:          rootHelp,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		inGroup(cli.GroupRun, daemonCommand(env)), inGroup(cli.GroupRun, devCommand(env)), inGroup(cli.GroupRun, configCommand(env)),
		inGroup(cli.GroupRun, awsCommand(env)),
		inGroup(cli.GroupMend, recoverCommand(env)))
	cli.Complete(root, cli.Environment{Lookup: env.lookup, Stdin: env.stdin, Stdout: env.stdout, Stderr: env.stderr})
	err := root.ExecuteContext(ctx)
	if errors.As(err, new(usageError)) {
		err = cli.UsageError{Err: err}
	}
	if err != nil {
		fmt.Fprintln(env.stderr, "underlay:", err)
	}
	return cli.ExitCode(err)
}

func inGroup(id string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = id
	return cmd
}

// usageError marks faults that the user mends by calling the program differently.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// follow returns what tells a running peer of other settings, and of the end of its machine.
func (e environment) follow(live *settings, p *peer.Peer) []func(context.Context) error {
	serve := []func(context.Context) error{func(ctx context.Context) error { return live.Serve(ctx, e.hangups) }}
	if e.watch != nil {
		serve = append(serve, func(ctx context.Context) error { return e.watch.Serve(ctx, e.stop, p.Yield) })
	}
	return serve
}

func daemonCommand(env environment) *cobra.Command {
	var load func() (config.Config, error)
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Run one peer",
		Long: "Run one peer until it is interrupted. The first start prepares the data directory; there is no separate init.\n" +
			"Settings come from defaults, a file (--config), environment variables (UNDERLAY_...) and flags, in rising rank.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load()
			if err != nil {
				return wrongSettings(err)
			}
			// Some of kubo's commands find the repository by this variable only.
			if err := os.Setenv("IPFS_PATH", filepath.Join(conf.DataDir, "ipfs")); err != nil {
				return fmt.Errorf("set IPFS_PATH: %w", err)
			}
			limitMemory(env.lookup)
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			env.hangups = hangups
			var level slog.LevelVar
			logger := newLogger(conf.Log, &level, env.stderr)
			env.live = newSettings(conf, load, logger)
			env.live.parts = append(env.live.parts, levelPart(&level))
			return serveUntilDone(cmd.Context(), conf, logger, env)
		},
	}
	load = withConfig(cmd, env)
	return cmd
}

// limitMemory lets the heap grow to four fifths of what the control groups allow, unless GOMEMLIMIT is set: then the collector
// works harder before the kernel ends the process. The rest is for stacks and for files that are mapped or cached.
func limitMemory(lookup func(string) (string, bool)) {
	if _, set := lookup("GOMEMLIMIT"); set {
		return
	}
	if limit := memlimit.Of(os.DirFS("/")); limit > 0 {
		debug.SetMemoryLimit(limit / 5 * 4)
	}
}

func configCommand(env environment) *cobra.Command {
	var load func() (config.Config, error)
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the settings in effect, secrets redacted",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			conf, err := load()
			return errors.Join(conf.WriteYAML(env.stdout), wrongSettings(err))
		},
	}
	load = withConfig(cmd, env)
	return cmd
}

// withConfig gives cmd a flag for every setting, and returns what loads them once the flags are parsed, again and again.
func withConfig(cmd *cobra.Command, env environment) func() (config.Config, error) {
	file := cmd.Flags().String("config", "", "settings `file` in YAML (environment "+config.EnvFile+")")
	config.BindFlags(cmd.Flags())
	return func() (config.Config, error) {
		return config.Load(config.LoadOptions{File: *file, Getenv: env.lookup, Flags: cmd.Flags()})
	}
}

func wrongSettings(err error) error {
	if err == nil {
		return nil
	}
	return usageError{fmt.Errorf("the configuration is wrong:\n%w", err)}
}

func levelOf(c config.Log) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // validated before: cannot happen
	}
	return level
}

// newLogger makes a logger whose level may change.
func newLogger(c config.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	level.Set(levelOf(c))
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// errStuck reports a stop that did not end in time.
var errStuck = errors.New("the peer did not stop in time; its goroutines are listed above")

// serveUntilDone runs a peer until ctx ends. A stop that takes too long becomes a report of all goroutines and an
// error instead of a process that hangs.
func serveUntilDone(ctx context.Context, conf config.Config, logger *slog.Logger, env environment) error {
	env.live = env.liveSettings(conf, logger)
	ctx, env.stop = context.WithCancel(ctx)
	defer env.stop()
	var err error
	if env.watch, err = openWatch(ctx, conf, logger); err != nil {
		return fmt.Errorf("watch for the end of the machine: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(ctx, conf, logger, env) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	logger.Info("stopping")
	timer := time.NewTimer(env.live.drainDelay() + conf.ShutdownTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err == nil {
			logger.Info("stopped")
			if env.watch != nil {
				env.watch.Stopped(ctx)
			}
		}
		return err
	case <-timer.C:
		stacks := make([]byte, 16<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		_, err := env.stderr.Write(stacks)
		return errors.Join(errStuck, err)
	}
}

// executable is this program's own path, for starting peers.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's own file: %w", err)
	}
	return path, nil
}
