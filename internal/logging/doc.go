// Package logging puts all that a process logs into one stream, one line each, as text or JSON: our own loggers, those of
// the libraries (go-log, zap, log/slog) and the standard library's.
//
// Promise: every logger has a name, the attribute "logger", and a level that may be changed while the process runs. The
// levels are those of go-log, so kubo's commands "log level" and "log ls" act on all of them. A line that was logged with
// the context of a request carries the request's identity. Whoever follows the stream never holds up those who log: a
// follower that does not keep up misses lines, and is told how many.
//
// Not promised: lines of go-log's loggers have no context, and so no request.
//
// Start reading at [Stream].
package logging
