// Package hot answers requests for immutable files from memory, and reads files for those that it cannot answer.
//
// A [Cache] keeps two things. Nodes are blocks of files, decoded; they are shared by all answers that contain them. An
// answer is what the gateway's handler has said of a file under one name: its headers and the file's root. No body is
// kept: it is made of nodes each time, so an answer that was cut half way leaves nothing wrong behind.
//
// Promise: what [Cache.Wrap] answers is byte for byte what the handler behind it would have answered, headers included.
// It learns an answer only from that handler, and leaves to it whatever is not a plain request for a whole file or one
// range of it. Memory is bounded; what was asked for often stays, what was asked for once does not displace it. Requests
// take no lock that they share.
//
// Not promised: that content which is not in memory is here. A denied or removed file stays in memory until it is displaced
// or purged, so whoever denies has to stand in front.
//
// Start reading at Cache.Wrap; DESIGN.md in the gateway's folder says why the answers are the same.
package hot
