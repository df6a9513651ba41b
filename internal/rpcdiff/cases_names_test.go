package rpcdiff

// testKey is an Ed25519 key, in kubo's own format, made for these tests and used nowhere else.
const testKey = "\x08\x01\x12\x40" + "\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60" +
	"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a"

func keyCases() []testCase {
	return []testCase{
		{"key", []step{
			rpc("key/gen", "arg=k1", "type=ed25519", "ipns-base=base36").mask(maskKey),
			rpc("key/gen", "arg=k1").named("twice"), rpc("key/gen", "arg=self").named("self"),
			rpc("key/gen", "arg=k2", "type=rsa", "size=2048").mask(maskKey).named("RSA"),
			rpc("key/list", "l=true", "ipns-base=base36").mask(maskKey).inAnyOrder(), rpc("key/ls", "l=true", "ipns-base=base36").mask(maskKey),
			rpc("key/rename", "arg=k1", "arg=k3", "ipns-base=base36").mask(maskKey), rpc("key/rename", "arg=k3", "arg=k2", "force=true").mask(maskKey).named("over another"),
			rpc("key/export", "arg=k2", "format=libp2p-protobuf-cleartext", "output=x").omit("body"), rpc("key/export", "arg=nothing").named("export of nothing"),
			rpc("key/import", "arg=k4", "ipns-base=base36", "format=libp2p-protobuf-cleartext", "allow-any-key-type=true").with(content(testKey)),
			rpc("key/import", "arg=k5").with(content("nonsense")).named("nonsense"),
			rpc("key/sign", "key=k4", "ipns-base=base36").with(content("sign me")).capture("s", `"Signature":"([\w-]+)"`),
			rpc("key/verify", "key=k4", "signature=$s", "ipns-base=base36").with(content("sign me")),
			rpc("key/rotate", "oldkey=old", "type=ed25519", "size=0"),
			rpc("key/rm", "arg=k2", "arg=k4", "l=true", "ipns-base=base36").mask(maskKey), rpc("key/rm", "arg=k2").named("again"),
			rpc("key/rm", "arg=self").named("self cannot go"),
		}},
	}
}

func nameCases() []testCase {
	return []testCase{
		{"name", []step{
			chain("name"),
			rpc("key/import", "arg=name", "ipns-base=base36").with(content(testKey)).capture("k", `"Id":"(\w+)"`),
			rpc("name/publish", "arg=/ipfs/$d", "key=name", "allow-offline=true", "lifetime=1h", "ttl=1m", "ipns-base=base36", "resolve=true", "sequence=5", "v1compat=true"),
			rpc("name/publish", "arg=/ipfs/$d", "key=nothing").named("no such key"), rpc("name/publish", "arg=foo", "key=name").named("nonsense"),
			rpc("name/resolve", "arg=$k", "nocache=true", "recursive=true", "dht-timeout=2s", "dht-record-count=1", "timeout=5s"),
			rpc("name/resolve", "arg=$k", "stream=true", "timeout=5s").named("stream"),
			rpc("name/resolve", "arg=nothing.invalid", "timeout=2s").named("nothing"),
			rpc("resolve", "arg=/ipns/$k/f", "dht-record-count=1", "dht-timeout=2s", "timeout=5s"),
			rpc("cat", "arg=/ipns/$k/f", "timeout=5s"),
			rpc("pin/add", "arg=/ipns/$k", "timeout=5s"), rpc("pin/ls", "arg=/ipns/$k", "timeout=5s"),
			rpc("routing/get", "arg=/ipns/$k", "timeout=5s").omit("body"),
			rpc("name/get", "arg=$k", "timeout=5s").omit("body"),
			rpc("name/inspect", "verify=$k", "dump=true").with(content("nonsense")),
			rpc("name/put", "arg=$k", "force=true", "allow-offline=true", "quiet=true").with(content("nonsense")),
			rpc("name/pubsub/state"), rpc("name/pubsub/subs", "ipns-base=base36"), rpc("name/pubsub/cancel", "arg=$k"),
			rpc("key/rm", "arg=name", "ipns-base=base36"),
		}},
	}
}
