package rpcdiff

import "time"

// nodeCases ask a node about itself, and use what needs no node at all.
func nodeCases() []testCase {
	return []testCase{
		{"id", []step{
			rpc("id").mask(maskID...),
			rpc("id", "peerid-base=base36").mask(maskID...).named("base36"),
			rpc("id", "format=<id> <aver> <pver>").mask(maskID...).named("format"),
			rpc("id", "arg="+strangerID, "timeout=1s").named("a stranger"),
			rpc("id", "arg=foo").named("nonsense"),
		}},
		{"id stays", []step{
			rpc("id").capture("me", `"ID":"(\w+)"`).omit("body"),
			rpc("id").mask(maskID...).named("again"),
			rpc("id", "arg=$me").mask(maskID...).named("asked for it"),
		}},
		{"version", []step{
			rpc("version"), rpc("version", "all=true", "commit=true", "repo=true", "number=true").named("options"),
			rpc("version/deps").omit("body"), rpc("version/check", "min-percent=5"),
		}},
		{"commands", []step{
			rpc("commands").inAnyOrder(), rpc("commands", "flags=true").named("flags").inAnyOrder(),
			rpc("commands/completion/bash").omit("body"), rpc("commands/completion/fish").omit("body"), rpc("commands/completion/zsh").omit("body"),
		}},
		{"diag", []step{
			rpc("diag/cmds").mask(maskCommands...), rpc("diag/cmds", "verbose=true").named("verbose").mask(maskCommands...),
			rpc("diag/cmds/clear"), rpc("diag/cmds/set-time", "arg=1m"), rpc("diag/cmds/set-time", "arg=foo").named("nonsense"),
			rpc("diag/sys").mask(maskSystem...),
			rpc("diag/profile", "collectors=version", "profile-time=0", "mutex-profile-fraction=0", "block-profile-rate=0s", "output=x").omit("body"),
			rpc("diag/datastore/get", "arg=/local/filesroot"), rpc("diag/datastore/get", "arg=/x", "hex=true").named("hex"),
			rpc("diag/datastore/count", "arg=/x"), rpc("diag/datastore/put", "arg=/x", "arg=y"),
			rpc("diag/healthy"),
		}},
		{"log", []step{
			rpc("log/ls").omit("body"),
			rpc("log/level", "arg=cmds/http", "arg=error"), rpc("log/level", "arg=cmds/http").named("read"),
			rpc("log/level", "arg=no-such-logger", "arg=debug").named("no such logger"), rpc("log/level", "arg=cmds/http", "arg=loud").named("no such level"),
			rpc("log/tail").cutAfter(300 * time.Millisecond).omit("body"), rpc("log/tail", "log-level=loud").named("tail at no such level"),
		}},
		{"stats", []step{
			rpc("stats/bitswap").mask(maskBitswap...), rpc("stats/bitswap", "verbose=true", "human=true", "encoding=text").named("verbose").omit("body"),
			rpc("stats/bw").mask(maskBandwidth...), rpc("stats/bw", "peer="+strangerID).named("of a peer"),
			rpc("stats/bw", "proto=/ipfs/id/1.0.0").named("of a protocol").mask(maskBandwidth...),
			rpc("stats/bw", "poll=true", "interval=50ms").named("poll").cutAfter(300 * time.Millisecond).omit("body"),
			rpc("stats/dht").omit("body"), rpc("stats/provide"), rpc("stats/reprovide"),
			rpc("stats/repo").mask(maskRepoStat...),
			rpc("bitswap/stat").mask(maskBitswap...), rpc("bitswap/wantlist"), rpc("bitswap/wantlist", "peer="+strangerID).named("of a peer"),
			rpc("bitswap/ledger", "arg="+strangerID), rpc("bitswap/reprovide"),
		}},
		{"provide", []step{
			rpc("provide/stat"), rpc("provide/clear"), rpc("provide/clear", "quiet=true").named("quiet"),
			rpc("provide/once", "arg="+absentCID), rpc("provide/once", "arg="+absentCID, "recursive=true").named("recursive"),
			rpc("provide/stat", "all=true", "compact=true", "lan=true", "queues=true").named("options"),
		}},
		{"mount", []step{rpc("mount", "ipfs-path=/nonexistent/a", "ipns-path=/nonexistent/b", "mfs-path=/nonexistent/c")}},
		{"update", []step{
			rpc("update"), rpc("update/check"), rpc("update/clean"), rpc("update/install"), rpc("update/revert"), rpc("update/versions"),
		}},
	}
}

// cidCases only compute.
func cidCases() []testCase {
	const c = "arg=" + emptyDirectory
	return []testCase{
		{"cid", []step{
			rpc("cid/base32", c), rpc("cid/bases", "prefix=true", "numeric=true").inAnyOrder(), rpc("cid/codecs", "numeric=true", "supported=true").inAnyOrder(),
			rpc("cid/format", c, "f=%P %M", "v=1", "mc=raw", "b=base36"), rpc("cid/hashes", "numeric=true", "supported=true").inAnyOrder(), rpc("cid/inspect", c),
			rpc("cid/inspect", "arg=foo").named("nonsense"),
		}},
		{"multibase", []step{
			rpc("multibase/encode", "b=base32").with(content("multibase")), rpc("multibase/decode").with(content("bnv2wy5djmjqxgzi")),
			rpc("multibase/transcode", "b=base16").with(content("bnv2wy5djmjqxgzi")), rpc("multibase/list", "prefix=true", "numeric=true").inAnyOrder(),
		}},
	}
}

// repoCases look after the blocks of the whole store.
func repoCases() []testCase {
	return []testCase{
		{"repo stat", []step{
			rpc("repo/stat").mask(maskRepoStat...), rpc("repo/stat", "size-only=true").named("size only").mask(maskRepoStat...),
			rpc("repo/stat", "human=true", "encoding=text").named("human").omit("body"),
			rpc("repo/stat", "encoding=text").named("text").mask(`\d+`),
			rpc("repo/version"), rpc("repo/version", "quiet=true").named("quiet"), rpc("repo/migrate"), rpc("repo/migrate", "to=1", "allow-downgrade=true").named("down"),
			rpc("stats/repo", "size-only=true").mask(maskRepoStat...),
		}},
		{"repo ls", []step{
			rpc("block/put").with(content("repo ls 1")).capture("c", `"Key":"(\w+)"`),
			rpc("repo/ls").only(`\$c`), rpc("repo/ls").only(`\$c`), rpc("repo/ls").only(`\$c`),
			rpc("refs/local").only(`\$c`), rpc("refs/local").only(`\$c`), rpc("refs/local").only(`\$c`),
			rpc("repo/ls").named("everything").inAnyOrder(),
		}},
		{"repo verify", []step{
			rpc("repo/verify").mask(`"Progress":\d+`).omit("body"), rpc("repo/verify", "heal=true", "drop=true", "heal-timeout=1s").named("heal").omit("body"),
		}},
		{"repo gc", []step{
			rpc("repo/gc").named("first").omit("body"),
			rpc("add", "pin=false").with(content("repo gc unpinned")).capture("u", `"Hash":"(\w+)"`),
			rpc("add", "pin=true").with(content("repo gc pinned")).capture("p", `"Hash":"(\w+)"`).named("pinned"),
			rpc("repo/gc", "stream-errors=true").inAnyOrder(),
			rpc("block/stat", "arg=$u", "offline=true").named("gone 1"), rpc("block/stat", "arg=$u", "offline=true").named("gone 2"),
			rpc("block/stat", "arg=$u", "offline=true").named("gone 3"),
			rpc("cat", "arg=$p"),
			rpc("repo/gc").named("nothing to do"),
			rpc("add", "pin=false").with(content("repo gc quiet")).named("quiet content"),
			rpc("repo/gc", "quiet=true").named("quiet"),
			rpc("add", "pin=false").with(content("repo gc silent")).named("silent content"),
			rpc("repo/gc", "silent=true").named("silent"),
			rpc("add", "pin=false").with(content("repo gc text")).named("text content"),
			rpc("repo/gc", "encoding=text").named("text"),
			rpc("pin/rm", "arg=$p"),
			rpc("repo/gc").named("after the unpin"),
			rpc("refs/local").only(`\$p`).named("what is left 1"), rpc("refs/local").only(`\$p`).named("what is left 2"), rpc("refs/local").only(`\$p`).named("what is left 3"),
			rpc("refs/local").inAnyOrder().named("everything"),
		}},
	}
}
