// Command underlay is a whole IPFS cluster peer in one process, and a three-peer cluster for developers.
//
// Start reading at run.go for the command line, serve.go for how a peer is put together, dev.go for the local cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], environment{
		lookup: os.LookupEnv,
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		fatal:  endAtOnce,
	}))
}

// endAtOnce is for a peer that can no longer keep its promises, as when its log could not be synced: whatever it did on
// the way out, answers included, could be a lie.
func endAtOnce(err error) {
	fmt.Fprintln(os.Stderr, "underlay: this peer cannot go on and ends at once:", err)
	os.Exit(3)
}
