package boottest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	regionName  = "eu-central-1"
	accountID   = "123456789012"
	clusterName = "boot"
	secretName  = "/underlay/" + clusterName + "/secret"
	genesisName = "/underlay/" + clusterName + "/genesis"
)

// The states of an instance, as EC2 names them.
const (
	running      = "running"
	stopped      = "stopped"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
)

// region is what machines see of AWS. It keeps to the rules that a cluster relies on: a volume has one holder, a parameter is written
// once unless its writer says otherwise, and a stack takes signals for what it waits for.
type region struct {
	t *testing.T

	mu         sync.Mutex
	instances  map[string]*instance
	volumes    map[string]*volume
	parameters map[string]string
	packages   map[string]string // files by the path of their URL
	objects    map[string][]byte // that were put into buckets, by BUCKET/KEY
	signals    []signalled
	addrs      int                // that were given away
	refused    map[string]int     // attempts to take a volume that somebody has
	onWrite    func(by *instance) // is told when the genesis has been written, before the writer knows
}

// signalled is a signal that a stack got.
type signalled struct {
	resource, instance string
	at                 time.Time
}

// openRegion serves an empty region until the test ends.
func openRegion(t *testing.T) *region {
	t.Helper()
	r := &region{
		t: t, instances: make(map[string]*instance), volumes: make(map[string]*volume), packages: make(map[string]string), refused: make(map[string]int),
		objects:    make(map[string][]byte),
		parameters: map[string]string{secretName: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
	}
	serve(t, imdsAddr+":80", http.HandlerFunc(r.serveMetadata))
	serve(t, regionAddr+":80", http.HandlerFunc(r.serveCall))
	return r
}

// serve serves HTTP at an address until the test ends.
func serve(t *testing.T, addr string, handler http.Handler) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(l) }) // until it is closed
	t.Cleanup(func() {
		_ = server.Close()
		served.Wait()
	})
}

// volume makes a volume for a slot, or a copy of another one.
func (r *region) volume(slot string, from *volume) *volume {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	tags := map[string]string{"underlay:cluster": clusterName, "underlay:slot": slot}
	v := newVolume(r.t, fmt.Sprintf("vol-%017x", len(r.volumes)+1), tags, from)
	r.volumes[v.id] = v
	return v
}

// caller returns the instance that has an address; nil: none that runs.
func (r *region) caller(req *http.Request) *instance {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return nil
	}
	for _, i := range r.instances {
		if i.addr == host && i.state != terminated {
			return i
		}
	}
	return nil
}

// attach gives a volume to an instance, and tells whether it has it.
func (r *region) attach(v *volume, i *instance) error {
	if v.holder != nil && v.holder != i {
		r.refused[i.id]++
		return fmt.Errorf("%s is attached to %s", v.id, v.holder.id)
	}
	if v.holder == nil {
		if err := v.plugInto(i); err != nil {
			return err
		}
	}
	v.holder = i
	return nil
}

// setState changes the state of an instance. One that is terminated has lost its volume.
func (r *region) setState(i *instance, state string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	i.state = state
	if state != terminated {
		return
	}
	r.detach(i)
}

// takeVolumes takes the volumes from an instance.
func (r *region) takeVolumes(i *instance) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detach(i)
}

// detach is takeVolumes for who has the lock.
func (r *region) detach(i *instance) {
	r.t.Helper()
	for _, v := range r.volumes {
		if v.holder != i {
			continue
		}
		v.holder = nil
		if err := v.unplugFrom(i); err != nil {
			r.t.Errorf("detach %s: %v", v.id, err)
		}
	}
}

// signalOf returns when an instance has signalled a resource.
func (r *region) signalOf(resource string, i *instance) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.signals {
		if s.resource == resource && s.instance == i.id {
			return s.at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s in slot %s has not signalled %s", i.id, i.slot, resource)
}

// genesis is the record of the first members; empty: there is none.
func (r *region) genesis() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parameters[genesisName]
}

// attempts is how often an instance tried to take a volume that another one had.
func (r *region) attempts(i *instance) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[i.id]
}

// object returns the last object of a bucket below a prefix.
func (r *region) object(prefix string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := ""
	for key := range r.objects {
		if strings.HasPrefix(key, prefix) {
			last = max(last, key)
		}
	}
	if last == "" {
		return nil, fmt.Errorf("there is nothing below %s", prefix)
	}
	return r.objects[last], nil
}

// sorted returns the instances in the order of their IDs.
func (r *region) sorted() []*instance {
	return slices.SortedFunc(maps.Values(r.instances), func(a, b *instance) int { return a.number - b.number })
}
