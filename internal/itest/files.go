package itest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// WriteFile makes a file of the cluster's file system have this content, with the directories above it.
func (p *Peer) WriteFile(path string, content []byte) error {
	_, err := p.Upload("files/write?create=true&parents=true&truncate=true&arg="+url.QueryEscape(path), content)
	return err
}

// ReadFile reads a file of the cluster's file system.
func (p *Peer) ReadFile(path string) (string, error) { return p.RPC("files/read", path) }

// FilesRoot is the root of the file system as this peer has applied it.
func (p *Peer) FilesRoot() (string, error) {
	root, err := p.Own("files/stat", "/", "hash=true", "encoding=text")
	return strings.TrimSpace(root), err
}

// checkFiles verifies that all running peers show the same file system.
func (c *Cluster) checkFiles() error {
	var first string
	for _, p := range c.Peers {
		if !p.running {
			continue
		}
		root, err := p.FilesRoot()
		if status, ok := errors.AsType[*StatusError](err); ok && status.Code == http.StatusForbidden {
			continue // the test lets nobody in without a token
		}
		if err != nil {
			return fmt.Errorf("files of %s: %w", p.Name, err)
		}
		if first == "" {
			first = root
		}
		if root != first {
			return fmt.Errorf("%s shows the files %s, the first peer shows %s", p.Name, root, first)
		}
	}
	return nil
}

// checkFilesHeld verifies that each running peer shows the same file system and has all of its blocks itself.
func (c *Cluster) checkFilesHeld() error {
	if err := c.checkFiles(); err != nil {
		return err
	}
	for _, p := range c.Peers {
		if !p.running {
			continue
		}
		root, err := p.FilesRoot()
		if err == nil {
			err = p.Whole(root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refusedFile tells whether kubo has refused an operation on a file for the reason that text gives.
func refusedFile(err error, text string) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.Code == http.StatusInternalServerError && strings.Contains(status.Body, text)
}
