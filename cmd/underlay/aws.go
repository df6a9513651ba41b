package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/aws"
)

// awsCommand is what a machine on EC2 needs of AWS when it boots, so that its scripts need no other program for that.
func awsCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "aws",
		Short: "Ask AWS for what a machine of the cluster needs when it boots",
		Long: "Ask AWS for what a machine of the cluster needs when it boots; deploy/aws uses these commands. Credentials and region\n" +
			"come from the environment, the shared files, or the profile of the instance.",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "attach VOLUME", Args: cobra.ExactArgs(1),
			Short: "Attach an EBS volume to this machine, when no other one has it any more, and print its device",
			RunE: onAWS(func(cmd *cobra.Command, cloud *aws.Cloud, args []string) error {
				say := func(what string) { fmt.Fprintln(env.stderr, "waiting:", what) }
				if err := cloud.Attach(cmd.Context(), args[0], say); err != nil {
					return err
				}
				device, err := aws.AwaitDevice(cmd.Context(), os.DirFS("/"), args[0])
				return printLine(env, device, err)
			}),
		},
		&cobra.Command{
			Use: "get PARAMETER", Args: cobra.ExactArgs(1),
			Short: "Print a parameter of Systems Manager, decrypted",
			RunE: onAWS(func(cmd *cobra.Command, cloud *aws.Cloud, args []string) error {
				value, err := cloud.Secret(cmd.Context(), args[0])
				return printLine(env, value, err)
			}),
		},
		metadataCommand(env, "tag KEY", "Print a tag of this machine", func(args []string) string { return "tags/instance/" + args[0] }),
		metadataCommand(env, "zone", "Print the availability zone of this machine", func([]string) string { return "placement/availability-zone" }),
		&cobra.Command{
			Use: "signal STACK RESOURCE", Args: cobra.ExactArgs(2),
			Short: "Tell a CloudFormation stack, if it waits in a resource, that this machine is ready",
			RunE: onAWS(func(cmd *cobra.Command, cloud *aws.Cloud, args []string) error {
				err := cloud.Signal(cmd.Context(), args[0], args[1])
				if errors.Is(err, aws.ErrNotAwaited) { // as most of the time
					fmt.Fprintln(env.stderr, err)
					return nil
				}
				return err
			}),
		},
		&cobra.Command{
			Use: "put FILE s3://BUCKET/KEY", Args: cobra.ExactArgs(2),
			Short: "Store a file of up to 5 GB in S3",
			RunE: onAWS(func(cmd *cobra.Command, cloud *aws.Cloud, args []string) error {
				return cloud.Put(cmd.Context(), args[0], args[1])
			}),
		},
	)
	return cmd
}

// metadataCommand prints what EC2 tells this machine under the name that its arguments make. Each word of use after the first is
// an argument.
func metadataCommand(env environment, use, short string, name func(args []string) string) *cobra.Command {
	return &cobra.Command{
		Use: use, Args: cobra.ExactArgs(strings.Count(use, " ")), Short: short,
		RunE: onAWS(func(cmd *cobra.Command, cloud *aws.Cloud, args []string) error {
			value, err := cloud.Metadata(cmd.Context(), name(args))
			return printLine(env, value, err)
		}),
	}
}

// onAWS opens the account for a command.
func onAWS(f func(*cobra.Command, *aws.Cloud, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cloud, err := aws.Open(cmd.Context())
		if err != nil {
			return err
		}
		return f(cmd, cloud, args)
	}
}

// printLine prints a line, unless there is an error already.
func printLine(env environment, text string, err error) error {
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(env.stdout, text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
