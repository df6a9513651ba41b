package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/peer"
)

// recoverWord is what a person types to confirm.
const recoverWord = "recover"

func recoverCommand(env environment) *cobra.Command {
	var load func() (config.Config, error)
	var yes bool
	cmd := &cobra.Command{
		Use:     "recover-majority",
		Aliases: []string{"recover"},
		Short:   "Make this stopped peer the only member of a cluster that has lost its majority for good",
		Long: "Make this stopped peer the only member of its cluster, with the pinset that it holds. Use it only when a majority of the\n" +
			"members is lost for good, on the survivor that was up to date last. Start the survivor afterwards, then further peers\n" +
			"with empty data directories: they join by themselves. A lost member that turns up again must not be started with its\n" +
			"old data. To have failed pins tried again, see \"underlay pin recover\".",
		Args: refuseCIDs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load()
			if err != nil {
				return wrongSettings(err)
			}
			return recoverPeer(conf, yes, env)
		},
	}
	load = withConfig(cmd, env)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// refuseCIDs helps those who know the command of this name of IPFS Cluster.
func refuseCIDs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("this makes a stopped peer the only member of its cluster; to try pins again, use \"underlay pin recover %s\"", args[0])}
	}
	return nil
}

func recoverPeer(conf config.Config, yes bool, env environment) error {
	if _, err := os.Stat(filepath.Join(conf.DataDir, "cluster")); err != nil {
		return usageError{fmt.Errorf("--data-dir: no peer has its data there: %w", err)}
	}
	if !yes {
		fmt.Fprintf(env.stdout, "The peer in %s becomes the only member of its cluster.\nType %q to go on: ", conf.DataDir, recoverWord)
		line, _ := bufio.NewReader(env.stdin).ReadString('\n') // no answer is a no
		if strings.TrimSpace(line) != recoverWord {
			return usageError{fmt.Errorf("not confirmed; nothing was changed")}
		}
	}
	id, err := peer.Recover(conf.DataDir, newLogger(config.Log{Level: slog.LevelWarn.String(), Format: "text"}, new(slog.LevelVar), env.stderr))
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s is now the only member; start it, then start the others with empty data directories\n", id)
	return nil
}
