package rpcdiff

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/underlay/underlay/internal/apidiff"
	"github.com/underlay/underlay/internal/itest"
)

// settings are what both sides are given beyond their defaults: CORS headers, and the parts of kubo that are off.
func settings() map[string]any {
	return map[string]any{
		"API": map[string]any{"HTTPHeaders": map[string]any{
			"Access-Control-Allow-Origin":  []any{"https://app.example"},
			"Access-Control-Allow-Methods": []any{"PUT", "POST"},
			"X-Custom":                     []any{"one", "two"},
		}},
		"Experimental": map[string]any{"FilestoreEnabled": true, "UrlstoreEnabled": true, "Libp2pStreamMounting": true},
		"Pubsub":       map[string]any{"Enabled": true},
	}
}

// cases lists all cases, in the order in which they run.
func cases() []testCase {
	return slices.Concat(
		safetyCases(), requestCases(), globalCases(), globalLimitCases(), configCases(), // configuration before others change it
		settingsCases(), listCases(),
		addCases(), addNameCases(), addFormatCases(), addPinCases(),
		pinCases(), pinKindCases(), pinListCases(), pinUpdateCases(), pinRemoteCases(),
		blockCases(), dagCases(), importCases(), objectCases(), readCases(),
		filesCases(), filesWriteCases(), filesTreeCases(), filesStateCases(),
		keyCases(), keyImportCases(), nameCases(), namePutCases(),
		cidCases(), nodeCases(), networkCases(),
		repoCases(), // collects what the others have left
		refusedCases(),
		[]testCase{{"shutdown", []step{rpc("shutdown")}}}, // kubo is gone after it: last
	)
}

// TestRPC sends the same requests to kubo and to our peers, one case after the other, each to all targets at once.
func TestRPC(t *testing.T) {
	kubo, ours := startTargets(t)
	known := differences()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			check(t, c, kubo, ours, known)
		})
	}
}

// check plays a case to all targets and fails the test for what differs and is not known.
func check(t *testing.T, c testCase, kubo *target, ours []*target, known []apidiff.Difference) {
	t.Helper()
	answers := playAll(t, append([]*target{kubo}, ours...), c)
	var labels []string
	for _, s := range c.steps {
		labels = append(labels, s.label)
	}
	var found []apidiff.Mismatch
	for i, tg := range ours {
		found = append(found, apidiff.Compare(tg.name, c.name, labels, tg.visible(answers[0]), tg.visible(answers[i+1]))...)
	}
	surprises, stale := apidiff.Judge(known, c.name, found)
	for _, m := range surprises {
		t.Errorf("differs from kubo: %s", m)
	}
	for _, d := range stale {
		t.Errorf("no longer different, remove it from the table: %s, %s (%s)", d.Step, d.Field, d.Why)
	}
}

// playAll runs a case against all targets at the same time.
func playAll(t *testing.T, targets []*target, c testCase) [][]apidiff.Answer {
	t.Helper()
	answers := make([][]apidiff.Answer, len(targets))
	errs := make([]error, len(targets))
	var running sync.WaitGroup
	for i, tg := range targets {
		running.Go(func() { answers[i], errs[i] = play(t.Context(), tg, c) })
	}
	running.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("%s: %v", targets[i].name, err)
		}
	}
	for i, a := range answers[0] {
		for field := range a {
			if strings.HasPrefix(field, notCaptured) {
				t.Errorf("the case is wrong: %s: %s by %s in kubo's answer %s", c.steps[i].label, field, a[field], a["body"])
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return answers
}

// The ways in to our peers.
const (
	onePeer    = "one peer"    // a cluster of one
	threePeers = "three peers" // each request of a case to the next peer
	throughLB  = "nginx"       // three other peers behind nginx
)

// startTargets starts a plain kubo and three clusters of ours.
func startTargets(t *testing.T) (kubo *target, ours []*target) {
	t.Helper()
	file := settingsFile(t, settings())
	one := itest.Start(t, "--config", file, "--peers", "1")
	three := itest.Start(t, "--config", file)
	behind := itest.Start(t, "--config", file)
	lb := behind.Balance()
	var bases []string
	for _, p := range three.Peers {
		bases = append(bases, p.API)
	}
	kubo = kuboTarget(t, readConfig(t, filepath.Join(nodeRepo(one, one.Peers[0]), "config")), settings())
	return kubo, []*target{
		peersTarget(t, onePeer, one, newTurns(one.Peers[0].API)),
		peersTarget(t, threePeers, three, newTurns(bases...)),
		peersTarget(t, throughLB, behind, balanced{newTurns(lb.API)}),
	}
}

// settingsFile writes settings of the node into a file for our peers.
func settingsFile(t *testing.T, ipfs map[string]any) string {
	t.Helper()
	raw, err := yaml.Marshal(map[string]any{"ipfs": ipfs})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
