// Command bareserver serves the files of a directory from memory with net/http and nothing around it: the limit of what
// a gateway written in Go can reach.
//
//	bareserver ADDRESS DIRECTORY
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bareserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want an address and a directory, have %d arguments", len(args))
	}
	entries, err := os.ReadDir(args[1])
	if err != nil {
		return err
	}
	files := make(map[string][]byte)
	for _, entry := range entries {
		if files["/"+entry.Name()], err = os.ReadFile(filepath.Join(args[1], entry.Name())); err != nil {
			return err
		}
	}
	return http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
}
