package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/underlay/underlay/cmd/underlay/meter"
	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/internal/request"
	"github.com/underlay/underlay/internal/tracing"
	"github.com/underlay/underlay/proxy/rpc"
)

const (
	// recentLines is how many bytes of its latest lines a peer keeps, for a report on itself.
	recentLines = 1 << 20
	// lastTraces bounds the sending of traces at the end.
	lastTraces = 2 * time.Second
)

// observation is how a process tells what it does. Without, as in tests, it has only the logger that it is given.
type observation struct {
	logs    *logging.Stream // nil: others have their own
	tracer  trace.Tracer    // nil: nothing is traced
	figures *meter.Meter    // made when a peer is served
}

// observed runs a peer whose process logs to one stream and sends its traces where the environment says. load reads its settings
// again.
func observed(ctx context.Context, conf config.Config, load func() (config.Config, error), env environment) (err error) {
	if err := (logging.Levels{}).Set(conf.Log.Level, conf.Log.Levels); err != nil {
		return err
	}
	env.logs = newStream(conf.Log, env.stderr)
	env.logs.Capture()
	logger := env.logs.Logger(logging.Main)
	traces, err := tracing.Start(ctx, conf.Name, version, logger)
	if err != nil {
		return usageError{err}
	}
	env.tracer = traces.Tracer
	env.live = newSettings(conf, load, logger)
	env.live.parts = append(env.live.parts, logPart())
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTraces)
		defer cancel()
		err = errors.Join(err, traces.Close(ctx))
	}()
	return serveUntilDone(ctx, conf, logger, env)
}

func newStream(c config.Log, w io.Writer) *logging.Stream {
	return logging.New(logging.Options{Writer: w, JSON: c.Format == "json", Keep: recentLines})
}

// tail returns what log/tail reads.
func (o observation) tail() rpc.Logs {
	if o.logs == nil {
		return nil
	}
	return o.logs
}

// requests follows what a server is asked through h.
func (o observation) requests(server string, public bool, logger *slog.Logger, h http.Handler) http.Handler {
	return request.Handler(request.Options{
		Server: server, Public: public, Logger: logging.Named(logger, logging.Requests), Tracer: o.tracer,
	}, h)
}
