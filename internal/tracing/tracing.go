// Package tracing sends the traces of this process to whom the standard variables of OpenTelemetry name: OTEL_TRACES_EXPORTER
// (otlp; nothing is traced without), OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf or grpc),
// OTEL_TRACES_SAMPLER and the others. They are read from the process's environment, as kubo's are.
package tracing

import (
	"context"
	"fmt"
	"log/slog"

	exporters "github.com/ipfs/boxo/tracing"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/underlay/underlay/internal/request"
)

// Traces are those of the whole process.
type Traces struct {
	// Tracer begins spans; nil if nothing is traced.
	Tracer   trace.Tracer
	provider *sdk.TracerProvider
}

// Start makes this process send its traces, the spans of kubo and its libraries among them. It is to be called once, at the
// start. Without an exporter in the environment it does nothing. Close must be called.
func Start(ctx context.Context, name, version string, logger *slog.Logger) (*Traces, error) {
	to, err := exporters.NewSpanExporters(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	if len(to) == 0 {
		return &Traces{}, nil
	}
	// What the environment says of the resource comes last, and wins.
	about, err := resource.Merge(resource.NewSchemaless(
		attribute.String("service.name", "underlay"), attribute.String("service.version", version), attribute.String("service.instance.id", name),
	), resource.Environment())
	if err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	options := []sdk.TracerProviderOption{sdk.WithResource(about)}
	for _, exporter := range to {
		options = append(options, sdk.WithBatcher(exporter))
	}
	provider := sdk.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("traces are lost", "error", err) }))
	return &Traces{Tracer: provider.Tracer(request.Scope), provider: provider}, nil
}

// Close sends what is left until ctx ends.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
