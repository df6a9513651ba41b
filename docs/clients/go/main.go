// Command go adds, finds, reads and unpins a file with kubo's Go client. Usage: go run ./go URL, for example
// http://127.0.0.1:9095
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/kubo/client/rpc"
	"github.com/ipfs/kubo/core/coreiface/options"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run ./go URL")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string) error {
	api, err := rpc.NewURLApiWithClient(url, http.DefaultClient)
	if err != nil {
		return fmt.Errorf("make a client of %s: %w", url, err)
	}
	path, err := api.Unixfs().Add(ctx, files.NewBytesFile([]byte("hello from Go\n")),
		options.Unixfs.CidVersion(1), options.Unixfs.Pin(true, "example"))
	if err != nil {
		return fmt.Errorf("add a file: %w", err)
	}
	kind, pinned, err := api.Pin().IsPinned(ctx, path)
	if err != nil {
		return fmt.Errorf("look for the pin of %s: %w", path, err)
	}
	fmt.Println(path.RootCid(), pinned, kind)

	node, err := api.Unixfs().Get(ctx, path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer node.Close()
	if _, err := io.Copy(os.Stdout, files.ToFile(node)); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := api.Pin().Rm(ctx, path); err != nil {
		return fmt.Errorf("unpin %s: %w", path, err)
	}
	fmt.Println("unpinned", path.RootCid())
	return nil
}
