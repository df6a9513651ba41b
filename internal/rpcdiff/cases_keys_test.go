package rpcdiff

import "strings"

// Keys in kubo's own format, made for these tests and used nowhere else.
const (
	testKey = "\x08\x01\x12\x40" + testSeed +
		"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a"
	testSeed = "\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60"
	// secondKey is another Ed25519 key, testPEM the same as testKey in the other format, secpKey one that kubo does not make.
	secondKey = "\x08\x01\x12\x40" +
		"\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f\x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed\x4f\xb8\xa6\xfb" +
		"\x3d\x40\x17\xc3\xe8\x43\x89\x5a\x92\xb7\x0a\xa7\x4d\x1b\x7e\xbc\x9c\x98\x2c\xcf\x2e\xc4\x96\x8c\xc0\xcd\x55\xf1\x2a\xf4\x66\x0c"
	testPEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
	secpKey = "\x08\x02\x12\x20" + testSeed
)

// keyCases change the key store.
func keyCases() []testCase {
	return []testCase{
		{"key", []step{
			rpc("key/gen", "arg=k1", "type=ed25519", "ipns-base=base36").mask(maskKey),
			rpc("key/gen", "arg=k1").named("twice"), rpc("key/gen", "arg=self").named("self"),
			rpc("key/gen", "arg=").named("without a name"), rpc("key/gen").named("of nothing"),
			rpc("key/gen", "arg=k2", "type=rsa", "size=2048").mask(maskKey).named("RSA"),
			rpc("key/gen", "arg=k6", "type=rsa", "size=512").named("a short one"), rpc("key/gen", "arg=k6", "type=morse").named("no such type"),
			rpc("key/gen", "arg=a/b ü", "ipns-base=b58mh").mask(maskKey).named("an odd name"), rpc("key/gen", "arg=k6", "ipns-base=base1").named("no such base"),
			rpc("key/list", "l=true", "ipns-base=base36").mask(maskKey), rpc("key/ls", "l=true", "ipns-base=base36").mask(maskKey),
			rpc("key/ls", "ipns-base=b58mh").mask(maskKey).named("base 58"),
			rpc("key/rename", "arg=k1", "arg=k3", "ipns-base=base36").mask(maskKey),
			rpc("key/ls").mask(maskKey).named("after rename"),
			rpc("key/rename", "arg=k3", "arg=k2").named("over another without force"), rpc("key/rename", "arg=k3", "arg=k3", "force=true").mask(maskKey).named("to the same"),
			rpc("key/rename", "arg=k1", "arg=k7").named("what is gone"), rpc("key/rename", "arg=self", "arg=k7").named("from self"),
			rpc("key/rename", "arg=k3", "arg=self", "force=true").named("to self"), rpc("key/rename", "arg=k3", "arg=").named("to nothing"),
			rpc("key/rename", "arg=k3", "arg=k2", "force=true").mask(maskKey).named("over another"),
			rpc("key/ls").mask(maskKey).named("after rename over another"),
			rpc("key/export", "arg=k2", "format=libp2p-protobuf-cleartext", "output=x").omit("body"), rpc("key/export", "arg=nothing").named("export of nothing"),
			rpc("key/rotate", "oldkey=old", "type=ed25519", "size=0"),
			rpc("key/rm", "arg=k2", "arg=a/b ü", "l=true", "ipns-base=base36").mask(maskKey), rpc("key/rm", "arg=k2").named("again"),
			rpc("key/rm", "arg=self").named("self cannot go"), rpc("key/rm", "arg=").named("rm of nothing"),
			rpc("key/gen", "arg=k8").mask(maskKey), rpc("key/rm", "arg=k8", "arg=k9").named("one of two"), rpc("key/ls").mask(maskKey).named("after all"),
		}},
	}
}

func keyImportCases() []testCase {
	return []testCase{
		{"key import", []step{
			rpc("key/import", "arg=i1", "ipns-base=base36", "format=libp2p-protobuf-cleartext").with(content(testKey)).capture("k", `"Id":"(\w+)"`),
			rpc("key/import", "arg=i1").with(content(secondKey)).named("twice"),
			rpc("key/import", "arg=self").with(content(testKey)).named("self"), rpc("key/import", "arg=").with(content(testKey)).named("without a name"),
			rpc("key/import", "arg=i2", "ipns-base=b58mh", "format=pem-pkcs8-cleartext").with(content(testPEM)).named("PEM"),
			rpc("key/import", "arg=i3").with(content(testPEM)).named("PEM as protobuf"), rpc("key/import", "arg=i3", "format=pem-pkcs8-cleartext").with(content(testKey)).named("protobuf as PEM").mask(`(?s)input data:.*`),
			rpc("key/import", "arg=i3", "format=pem-pkcs8-cleartext").with(content(strings.ReplaceAll(testPEM, "PRIVATE", "PUBLIC"))).named("a public key"),
			rpc("key/import", "arg=i3", "format=pem-pkcs8-cleartext").with(content(strings.ReplaceAll(testPEM, "MC4CAQAw", "AAAAAAAA"))).named("damaged PEM"),
			rpc("key/import", "arg=i3", "format=jwk").with(content(testKey)).named("no such format"), rpc("key/import", "arg=i3", "ipns-base=base1").with(content(testKey)).named("no such base"),
			rpc("key/import", "arg=i3").with(content("nonsense")).named("nonsense"), rpc("key/import", "arg=i3").named("nothing"),
			rpc("key/import", "arg=i3").with(content(secpKey)).named("another type"),
			rpc("key/import", "arg=i3", "allow-any-key-type=true").with(content(secpKey)).named("another type allowed"),
			rpc("key/ls").mask(maskKey),
			rpc("key/sign", "key=i1", "ipns-base=base36").with(content("sign me")).capture("s", `"Signature":"([\w-]+)"`),
			rpc("key/verify", "key=i1", "signature=$s", "ipns-base=base36").with(content("sign me")),
			rpc("key/verify", "key=$k", "signature=$s").with(content("sign me")).named("by ID"),
			rpc("key/verify", "key=i1", "signature=$s").with(content("another")).named("another text"),
			rpc("key/verify", "key=i9", "signature=$s").with(content("sign me")).named("no such key"), rpc("key/sign", "key=i9").with(content("sign me")).named("sign with no such key"),
			rpc("key/sign").with(content("sign me")).capture("t", `"Signature":"([\w-]+)"`).mask(maskKey, `("Signature":)"[^"]*"`).named("sign with self"),
			rpc("key/verify", "signature=$t").with(content("sign me")).mask(maskKey).named("by self"),
			rpc("key/rm", "arg=i1", "arg=i2", "arg=i3"),
		}},
	}
}

func nameCases() []testCase {
	return []testCase{
		{"name", []step{
			chain("name"),
			rpc("key/import", "arg=name", "ipns-base=base36").with(content(testKey)).capture("k", `"Id":"(\w+)"`),
			rpc("key/import", "arg=other").with(content(secondKey)).capture("o", `"Id":"(\w+)"`),
			rpc("name/publish", "arg=/ipfs/$d", "key=name", "allow-offline=true", "lifetime=1h", "ttl=1m", "ipns-base=base36", "resolve=true", "sequence=5", "v1compat=true"),
			rpc("name/publish", "arg=/ipfs/$f", "key=name", "sequence=5").named("the same number"),
			rpc("name/publish", "arg=/ipfs/$d", "key=nothing").named("no such key"), rpc("name/publish", "arg=foo", "key=name").named("nonsense"),
			rpc("name/publish", "arg=/ipfs/$d", "lifetime=long").named("no lifetime"), rpc("name/publish", "arg=/ipfs/$d", "ttl=short").named("no ttl"),
			rpc("name/publish", "arg=/ipfs/$d", "allow-offline=true", "allow-delegated=true").named("both"), rpc("name/publish", "arg=/ipfs/$d", "allow-delegated=true").named("delegated"),
			rpc("name/resolve", "arg=$k", "nocache=true", "recursive=true", "dht-timeout=2s", "dht-record-count=1", "timeout=5s"),
			rpc("name/resolve", "arg=$k", "stream=true", "timeout=5s").named("stream"), rpc("name/resolve", "arg=$k", "offline=true").named("offline"),
			rpc("name/resolve", "arg=nothing.invalid", "timeout=2s").named("nothing"), rpc("name/resolve", "arg=$f").named("no name"),
			rpc("name/resolve", "arg=$k", "dht-timeout=-1s").named("no timeout"),
			rpc("resolve", "arg=/ipns/$k/f", "dht-record-count=1", "dht-timeout=2s", "timeout=5s"),
			rpc("cat", "arg=/ipns/$k/f", "timeout=5s"), rpc("ls", "arg=/ipns/$k", "timeout=5s"),
			rpc("pin/add", "arg=/ipns/$k", "timeout=5s"), rpc("pin/ls", "arg=/ipns/$k", "timeout=5s"),
			rpc("name/publish", "arg=/ipns/$k/f", "key=$o", "quieter=true", "v1compat=false").named("a name that leads to a name"),
			rpc("name/resolve", "arg=$o", "nocache=true", "timeout=5s").named("both names"), rpc("name/resolve", "arg=$o", "nocache=true", "recursive=false", "timeout=5s").named("one of them"),
			rpc("name/resolve", "arg=$o", "nocache=true", "recursive=false", "stream=true", "timeout=5s").named("one of them as a stream"),
			rpc("name/resolve", "arg=/ipns/$o", "offline=true").named("both names offline"),
			rpc("name/publish", "arg=/ipfs/$f", "resolve=false").mask(maskKey).named("by self"), rpc("name/resolve", "nocache=true", "timeout=5s").named("self"),
			rpc("key/rm", "arg=name", "arg=other", "ipns-base=base36"),
			rpc("name/resolve", "arg=$k", "nocache=true", "timeout=5s").named("without its key"),
		}},
	}
}

func namePutCases() []testCase {
	return []testCase{
		{"name put", []step{
			chain("name put"),
			rpc("key/import", "arg=put").with(content(testKey)).capture("k", `"Id":"(\w+)"`),
			rpc("name/publish", "arg=/ipfs/$d", "key=put", "offline=true", "sequence=20", "allow-offline=true").named("offline"),
			rpc("name/resolve", "arg=$k", "offline=true").named("resolve offline"),
			rpc("name/publish", "arg=/ipfs/$f", "key=put"),
			rpc("routing/get", "arg=/ipns/$k", "timeout=5s").omit("body"),
			rpc("name/get", "arg=$k", "timeout=5s").omit("body").capture("r", `(?s)(.+)`),
			rpc("name/inspect", "verify=$k", "dump=true").with(content("$r")).mask(maskRecord...), rpc("name/inspect", "dump=false").with(content("nonsense")).named("nonsense"),
			rpc("name/put", "arg=$k", "allow-offline=true").with(content("$r")).named("once more"), rpc("routing/put", "arg=/ipns/$k").with(content("$r")).omit("body").named("by routing"),
			rpc("name/publish", "arg=/ipfs/$d", "key=put").named("another"),
			rpc("name/put", "arg=$k", "quiet=true").with(content("$r")).named("an old one"), rpc("name/put", "arg=$k", "force=true").with(content("$r")).named("an old one by force"),
			rpc("name/put", "arg=$k", "allow-delegated=true").with(content("$r")).named("delegated"), rpc("name/put", "arg=$k", "allow-delegated=true", "allow-offline=true").with(content("$r")).named("both"),
			rpc("name/put", "arg=$k", "force=true", "allow-offline=true", "quiet=true").with(content("nonsense")).named("put nonsense"), rpc("name/put", "arg=nonsense").with(content("$r")).named("to no name"),
			rpc("name/resolve", "arg=$k", "nocache=true", "timeout=5s"),
			rpc("name/pubsub/state"), rpc("name/pubsub/subs", "ipns-base=base36"), rpc("name/pubsub/cancel", "arg=$k"),
			rpc("key/rm", "arg=put"),
		}},
	}
}
