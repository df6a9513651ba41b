package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// DrainHook is the lifecycle hook by which the auto scaling group of a machine lets it drain before it is terminated.
const DrainHook = "drain"

// Kind says what EC2 tells a machine about its end.
type Kind string

// The kinds of notices.
const (
	// SpotInterruption: EC2 takes the machine back, two minutes after the notice.
	SpotInterruption Kind = "spot interruption"
	// Termination: the machine's auto scaling group terminates it, and waits for [Cloud.CompleteTermination] before.
	Termination Kind = "termination by the auto scaling group"
	// Rebalance: EC2 may soon take the machine back, or not.
	Rebalance Kind = "rebalance recommendation"
)

// Notice is what EC2 tells a machine about its end.
type Notice struct {
	Kind Kind
	At   time.Time // when it happens, or for a recommendation when it was made; zero: EC2 does not say
}

// Notices asks EC2 for all that it tells this machine about its end now, the most urgent first. None is no error. With an error
// there may still be some.
func (c *Cloud) Notices(ctx context.Context) (notices []Notice, err error) {
	for _, ask := range []func(context.Context) (*Notice, error){c.spotInterruption, c.termination, c.rebalance} {
		n, failure := ask(ctx)
		if n != nil {
			notices = append(notices, *n)
		}
		err = errors.Join(err, failure)
	}
	return notices, err
}

func (c *Cloud) spotInterruption(ctx context.Context) (*Notice, error) {
	var said struct{ Time time.Time } // its action does not matter: the machine ends, sleeps or stops
	found, err := c.said(ctx, "spot/instance-action", &said)
	if !found {
		return nil, err
	}
	return &Notice{SpotInterruption, said.Time}, err
}

func (c *Cloud) rebalance(ctx context.Context) (*Notice, error) {
	var said struct{ NoticeTime time.Time }
	found, err := c.said(ctx, "events/recommendations/rebalance", &said)
	if !found {
		return nil, err
	}
	return &Notice{Rebalance, said.NoticeTime}, err
}

func (c *Cloud) termination(ctx context.Context) (*Notice, error) {
	state, err := c.Metadata(ctx, "autoscaling/target-lifecycle-state")
	switch {
	case isAbsent(err): // the machine is in no group
		return nil, nil
	case err != nil || state != "Terminated":
		return nil, err
	}
	return &Notice{Kind: Termination}, nil
}

// said reads what EC2 says in JSON, and tells whether it says anything. What cannot be read is still something.
func (c *Cloud) said(ctx context.Context, name string, into any) (found bool, err error) {
	text, err := c.Metadata(ctx, name)
	switch {
	case isAbsent(err):
		return false, nil
	case err != nil:
		return false, err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return true, fmt.Errorf("read %s of this machine: %w", name, err)
	}
	return true, nil
}

// isAbsent tells that EC2 has nothing to say.
func isAbsent(err error) bool {
	answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	return ok && answer.HTTPStatusCode() == http.StatusNotFound
}

// CompleteTermination tells the machine's auto scaling group, which is about to terminate it, that it need wait no longer. It needs
// autoscaling:CompleteLifecycleAction, and the machine's tags in its metadata.
func (c *Cloud) CompleteTermination(ctx context.Context) error {
	me, err := c.Metadata(ctx, "instance-id")
	if err != nil {
		return err
	}
	group, err := c.Metadata(ctx, "tags/instance/aws:autoscaling:groupName")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = c.query(ctx, "autoscaling", "2011-01-01", "CompleteLifecycleAction", url.Values{
		"AutoScalingGroupName": {group}, "InstanceId": {me}, "LifecycleHookName": {DrainHook}, "LifecycleActionResult": {"CONTINUE"},
	}, nil)
	if err != nil {
		return fmt.Errorf("tell auto scaling group %s that %s has drained: %w", group, me, err)
	}
	return nil
}
