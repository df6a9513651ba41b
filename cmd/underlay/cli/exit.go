package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

// The exit codes, by which scripts tell what happened. They are described in the help of the program and in docs/cli.md.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitUnreachable  = 4
	exitUnauthorized = 5
)

// UsageError marks faults that the user mends by calling the program differently.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap implements errors' interface.
func (e UsageError) Unwrap() error { return e.Err }

func usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// errNotFound says that what the user named is not there.
var errNotFound = errors.New("not found")

// ExitCode maps the outcome of a command to the program's exit code.
func ExitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if answer, ok := errors.AsType[*client.Error](err); ok {
		return exitOfStatus(answer.Status)
	}
	switch {
	case errors.As(err, new(UsageError)):
		return exitUsage
	case errors.Is(err, errNotFound):
		return exitNotFound
	case errors.Is(err, client.ErrUnreachable) && !errors.Is(err, context.Canceled):
		return exitUnreachable
	}
	return exitFailed
}

func exitOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitUnauthorized
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnreachable
	}
	return exitFailed
}

// checkUsage turns the faults that cobra finds in the arguments of cmd and of all commands below it into usage errors.
func checkUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		checkUsage(sub)
	}
}

// family makes cmd the parent of others: by itself it shows its help, and what it does not know is a usage error.
func family(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(commands...)
	cmd.SuggestionsMinimumDistance = 2 // letters that may be wrong
	cmd.Args = cobra.ArbitraryArgs     // or cobra refuses with an error that is none of usage
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 && len(args[0]) > 3 { // or anything is near
			text += fmt.Sprintf(", but %q", near[0])
		}
		return usagef("%s; see %s --help", text, cmd.CommandPath())
	}
	return cmd
}
