package settings

import (
	"fmt"
	"testing"

	"github.com/ipfs/kubo/repo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// BenchmarkChange changes one setting of many, without the time that the consensus takes.
func BenchmarkChange(b *testing.B) {
	for _, services := range []int{0, 10, 250} {
		b.Run(fmt.Sprint(services, " services"), func(b *testing.B) {
			a := newPeer(b, newFakeCluster(), b.TempDir(), nil)
			_, err := a.Change(b.Context(), onRepo(b, func(r repo.Repo) error {
				conf, err := r.Config()
				if err != nil {
					return err
				}
				conf.Pinning.RemoteServices = make(map[string]kuboconfig.RemotePinningService)
				for n := range services {
					conf.Pinning.RemoteServices[fmt.Sprint(n)] = kuboconfig.RemotePinningService{API: kuboconfig.RemotePinningServiceAPI{Key: "key"}}
				}
				return r.SetConfig(conf)
			}))
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				n++
				if err := a.set("Gateway.RootRedirect", fmt.Sprint("/ipfs/", n)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
