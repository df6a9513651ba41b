// Package cli has the commands that talk to a peer through its API, and what all of the program's commands share: the
// global flags, the exit codes and the groups in the help.
//
// Each command has a file of its own name. Start reading at commands.go for the list, session.go for what a command gets
// to work with, settings.go for how it finds a peer.
package cli
