package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/underlay/underlay/internal/client"
)

func userCommand(g *globals) *cobra.Command {
	k := users(g)
	return family(&cobra.Command{
		Use:   "user",
		Short: "Add, list, change and remove users, who have a name and a password",
		Long: "Add, list, change and remove users. A user has a name and a password of 12 to 72 bytes, for clients that know basic auth\n" +
			"only; for programs a token is better. As soon as a user or a token exists, every request needs a credential; the first one\n" +
			"must have the scope admin.",
	}, userAddCommand(g), k.listCommand(), k.updateCommand(), userPasswdCommand(k), k.removeCommand())
}

// passwordFrom says where a password is read from.
const passwordFrom = "It is asked for at a terminal, and read from a line of standard input otherwise, or\n" +
	"from the file that --password-file names. Nobody sees it on the command line."

func userAddCommand(g *globals) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user",
		Long:  "Add a user with a password. " + passwordFrom,
		Example: "  underlay user add --scope=admin alice\n" +
			"  underlay user add --scope=add,pin --max-bytes=50GB --password-file=secret bob",
		Args: cobra.ExactArgs(1),
	}
	flags := addGrantFlags(cmd, false)
	cmd.Flags().StringVar(&file, "password-file", "", "`file` whose first line is the password")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		wanted, err := flags.request(args[0])
		if err != nil {
			return err
		}
		if wanted.Password, err = s.readPassword(file, args[0]); err != nil {
			return err
		}
		made, err := s.api.Grant(ctx, client.Users, wanted)
		switch {
		case err != nil:
			return err
		case s.json:
			return s.object(made)
		case s.quiet:
			s.printf("%s", made.Name)
			return nil
		}
		s.printf("added %s", made.Name)
		return nil
	})
}

func userPasswdCommand(k grants) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:               "passwd NAME",
		Short:             "Give a user another password, and revoke the tokens that came from the old one",
		Long:              "Give a user another password. " + passwordFrom,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: k.complete,
	}
	cmd.Flags().StringVar(&file, "password-file", "", "`file` whose first line is the password")
	return k.command(cmd, func(ctx context.Context, s *session, args []string) error {
		password, err := s.readPassword(file, args[0])
		if err != nil {
			return err
		}
		return k.put(ctx, s, args[0], client.GrantChange{"password": password})
	})
}

// readPassword reads a new password of a user.
func (s *session) readPassword(file, user string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", usagef("--password-file: %w", err)
		}
		defer f.Close()
		return firstLine(f, file)
	}
	if in, ok := s.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return s.askPassword(in, user)
	}
	return firstLine(s.in, "standard input")
}

// askPassword asks a person twice, without showing what is typed.
func (s *session) askPassword(in *os.File, user string) (string, error) {
	var typed [2]string
	for i, question := range []string{"New password of " + printable(user) + ": ", "Again: "} {
		fmt.Fprint(s.notes, question)
		password, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(s.notes)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(password)
	}
	if typed[0] != typed[1] {
		return "", usagef("the two passwords differ")
	}
	return typed[0], nil
}

// firstLine reads a password.
func firstLine(r io.Reader, from string) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from %s: %w", from, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usagef("the password is missing: the first line of %s is empty", from)
	}
	return line, nil
}
