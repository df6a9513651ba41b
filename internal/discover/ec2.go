package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Instances is an inventory of machines.
type Instances interface {
	// Tagged returns the private addresses of the running machines that have all the tags.
	Tagged(ctx context.Context, tags map[string]string) ([]string, error)
}

// tagged are machines with the same tags, each with one peer on the same port.
type tagged struct {
	instances Instances
	tags      map[string]string
	port      string
}

func newTagged(instances Instances, text string) (Source, error) {
	at := strings.LastIndex(text, ":")
	if at < 0 {
		return nil, errors.New("must be ec2:TAG=VALUE,...:PORT")
	}
	t := tagged{instances, make(map[string]string), text[at+1:]}
	for pair := range strings.SplitSeq(text[:at], ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("must be ec2:TAG=VALUE,...:PORT; %q is no tag with a value", pair)
		}
		t.tags[key] = value
	}
	return t, checkPort(t.port)
}

// Addrs implements Source.
func (t tagged) Addrs(ctx context.Context) ([]string, error) {
	addrs, err := t.instances.Tagged(ctx, t.tags)
	for i, addr := range addrs {
		addrs[i] = net.JoinHostPort(addr, t.port)
	}
	return addrs, err
}
