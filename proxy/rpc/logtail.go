package rpc

import (
	"context"
	"io"
	"net/http"
	"sync"

	cmds "github.com/ipfs/go-ipfs-cmds"
	corecommands "github.com/ipfs/kubo/core/commands"
)

// Logs is what the command log/tail reads.
type Logs interface {
	// Follow returns what is logged from now on at least at a level, as lines of JSON, until it is closed. Empty stands for any
	// level; an error says that there is no such level.
	Follow(least string) (io.ReadCloser, error)
}

type logsKey struct{}

// withLogs lets the command log/tail read logs.
func withLogs(logs Logs, next http.Handler) http.Handler {
	if logs == nil {
		return next
	}
	tailLogs()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), logsKey{}, logs)))
	})
}

// tailLogs has `log tail` read the logs of its request, if it has any. With kubo's own a client that stops reading stops all
// that logs. It is to be done once in a process, however many APIs it serves.
var tailLogs = sync.OnceFunc(func() {
	kubos := corecommands.LogCmd.Subcommands["tail"]
	changed := *kubos
	changed.Run = func(req *cmds.Request, res cmds.ResponseEmitter, env cmds.Environment) error {
		logs, ok := req.Context.Value(logsKey{}).(Logs)
		if !ok {
			return kubos.Run(req, res, env)
		}
		least, _ := req.Options["log-level"].(string)
		lines, err := logs.Follow(least)
		if err != nil {
			return err
		}
		defer lines.Close()
		defer context.AfterFunc(req.Context, func() { _ = lines.Close() })()
		return res.Emit(lines)
	}
	corecommands.LogCmd.Subcommands["tail"] = &changed
})
