package ipfs

import (
	"context"
	"slices"
	"testing"

	"github.com/ipfs/boxo/provider"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/repo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// strategyRepo is a repository with one setting.
type strategyRepo struct {
	repo.Repo
	strategy string
}

func (r strategyRepo) Config() (*kuboconfig.Config, error) {
	conf := &kuboconfig.Config{}
	conf.Provide.Strategy = kuboconfig.NewOptionalString(r.strategy)
	return conf, nil
}

// A node announces the files if its strategy asks for them, beside what kubo announces.
func TestFilesAreAnnounced(t *testing.T) {
	pinned, file := cid.MustParse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"), cid.MustParse("QmVZLmm8zQWFYcPCLiVRPjMVpxSQmnDbSCCbpHbXaKSuy6")
	kubos := provider.KeyChanFunc(func(context.Context) (<-chan cid.Cid, error) {
		out := make(chan cid.Cid, 1)
		out <- pinned
		close(out)
		return out, nil
	})
	for strategy, want := range map[string][]cid.Cid{"mfs": {pinned, file}, "pinned+mfs": {pinned, file}, "pinned": {pinned}, "all": {pinned}} {
		own := nodeRepo{Repo: strategyRepo{strategy: strategy}, files: &fileKeys{}}
		all, err := replaceAnnounced(announced{Keys: kubos, Repo: own})
		if err != nil {
			t.Fatal(err)
		}
		keys := Keys(func(_ context.Context, f func(cid.Cid) error) error { return f(file) })
		own.files.keys.Store(&keys)
		stream, err := all(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []cid.Cid
		for c := range stream {
			got = append(got, c)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s announces %v, want %v", strategy, got, want)
		}
	}
}
