package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/underlay/underlay/internal/pause"
)

// How often the service manager is told how the peer is, unless its watchdog wants it more often, and how long the gateway may
// take to say that it is alive.
const (
	notifyInterval = 5 * time.Second
	aliveTimeout   = 10 * time.Second
)

// notifier tells systemd, if it runs this peer as a service of Type=notify, that the peer serves, what it waits for, that it
// stops; and to a watchdog that it makes progress. Progress is that a request through the gateway's listener is answered and the
// consensus says how it is; so a peer that hangs is restarted, and one without a quorum or under load is not.
type notifier struct {
	alive    string       // URL
	ready    func() error // why the peer takes no part in the cluster
	interval time.Duration
	client   *http.Client
	logger   *slog.Logger
	told     string // the last status
}

// newNotifier makes the notifier of a peer whose gateway listens on addr.
func newNotifier(addr net.Addr, ready func() error, logger *slog.Logger) *notifier {
	n := &notifier{
		alive: "http://" + reachable(addr) + "/healthz", ready: ready, interval: notifyInterval, logger: logger,
		client: &http.Client{Timeout: aliveTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if within, err := daemon.SdWatchdogEnabled(false); err == nil && within > 0 {
		n.interval = min(n.interval, within/3)
	}
	return n
}

// Serve runs until ending ends, or ctx, and then says that the peer stops. Without a service manager that wants to know it
// does nothing.
func (n *notifier) Serve(ctx, ending context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ending, cancel)()
	state := daemon.SdNotifyReady + "\n" + daemon.SdNotifyWatchdog
	for wait := 50 * time.Millisecond; ; {
		status, err := n.check(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			n.status("does not answer: " + err.Error())
		case !n.tell(state):
			return nil
		default:
			n.status(status)
			state, wait = daemon.SdNotifyWatchdog, n.interval
		}
		if !pause.For(ctx, wait) {
			n.tell(daemon.SdNotifyStopping + "\nSTATUS=stopping")
			return nil
		}
	}
}

// check returns in one line how the peer is. An error means that it makes no progress.
func (n *notifier) check(ctx context.Context) (status string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.alive, nil)
	if err != nil {
		return "", fmt.Errorf("ask the gateway: %w", err)
	}
	res, err := n.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the gateway: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", fmt.Errorf("ask the gateway: %w", err)
	}
	if why := n.ready(); why != nil {
		return "the gateway serves; the private API does not: " + why.Error(), nil
	}
	return "serves", nil
}

func (n *notifier) status(text string) {
	if text != n.told && n.tell("STATUS="+text) {
		n.told = text
	}
}

// tell returns whether there is anybody to tell.
func (n *notifier) tell(state string) bool {
	told, err := daemon.SdNotify(false, state)
	if err != nil {
		n.logger.Warn("cannot tell the service manager how the peer is", "error", err)
	}
	return told || err != nil
}
