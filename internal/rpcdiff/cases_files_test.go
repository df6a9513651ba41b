package rpcdiff

import "strings"

// filesCases change the mutable file system.
func filesCases() []testCase {
	return []testCase{
		{"files", []step{
			chain("files"),
			rpc("files/mkdir", "arg=/files", "cid-version=1"), rpc("files/mkdir", "arg=/files/a/b", "parents=true", "hash=sha2-256").named("with parents"),
			rpc("files/mkdir", "arg=/files").named("twice"),
			rpc("files/write", "arg=/files/w", "create=true", "truncate=true", "raw-leaves=true", "cid-version=1").with(content("files write")),
			rpc("files/write", "arg=/files/p/q", "create=true", "parents=true", "hash=sha2-256").with(content("parents")).named("with parents too"),
			rpc("files/write", "arg=/files/w", "offset=6", "count=3", "flush=false").with(content("XYZ and more")).named("in the middle"),
			rpc("files/flush", "arg=/files"),
			rpc("files/read", "arg=/files/w"), rpc("files/read", "arg=/files/w", "offset=6", "count=3").named("range"),
			rpc("files/stat", "arg=/files/w"), rpc("files/stat", "arg=/files", "with-local=true").named("local"), rpc("files/stat", "arg=/files", "hash=true").named("hash"),
			rpc("files/stat", "arg=/files", "size=true").named("size"), rpc("files/stat", "arg=/files", "format=<hash>", "encoding=text").named("format"),
			rpc("files/cp", "arg=/ipfs/$d", "arg=/files/copy"), rpc("files/cp", "arg=/ipfs/$d", "arg=/files/x/copy", "parents=true", "force=true").named("with parents, copied"),
			rpc("files/ls", "arg=/files", "long=true"), rpc("files/ls", "arg=/files", "U=true").named("unsorted"),
			rpc("files/mv", "arg=/files/copy", "arg=/files/moved"),
			rpc("files/touch", "arg=/files/w", "mtime=1700000000", "mtime-nsecs=5"), rpc("files/chmod", "arg=0600", "arg=/files/w"),
			rpc("files/chcid", "arg=/files", "cid-version=1", "hash=sha2-512"),
			rpc("files/ls", "arg=/nothing").named("nothing"), rpc("files/read", "arg=/files").named("a directory"),
			rpc("files/chroot", "arg=$d"), rpc("files/chroot", "arg=$d", "confirm=true").named("confirmed"),
			rpc("files/rm", "arg=/files"), rpc("files/rm", "arg=/files", "recursive=true", "force=true").named("recursive"),
			rpc("files/stat", "arg=/").named("root"),
		}},
		{"files and pins", []step{
			rpc("files/write", "arg=/kept", "create=true").with(content("files keeps what it has")),
			rpc("files/stat", "arg=/kept").capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c"),
			rpc("repo/gc", "quiet=true").omit("body"),
			rpc("block/stat", "arg=$c", "offline=true").named("after a collection"),
			rpc("files/rm", "arg=/kept"),
		}},
	}
}

// filesWriteCases write, and read what was written through the next peer.
func filesWriteCases() []testCase {
	large := strings.Repeat("files write large ", 100_000)
	return []testCase{
		{"files write", []step{
			rpc("files/write", "arg=/fw").with(content("files write 1")).named("nothing there"),
			rpc("files/write", "arg=/fw", "create=true").with(content("files write 2")).named("create"),
			rpc("files/read", "arg=/fw"),
			rpc("files/write", "arg=/fw", "e=true", "o=6").with(content("WRITE")).named("offset"),
			rpc("files/read", "arg=/fw").named("after the offset"),
			rpc("files/write", "arg=/fw", "t=true").with(content("short")).named("truncate"),
			rpc("files/read", "arg=/fw").named("after the truncation"),
			rpc("files/write", "arg=/fw", "offset=20").with(content("beyond")).named("beyond the end"),
			rpc("files/read", "arg=/fw").named("with a hole"),
			rpc("files/write", "arg=/fw", "n=3").with(content("abcdef")).named("count"),
			rpc("files/read", "arg=/fw", "o=1", "n=4").named("part"),
			rpc("files/read", "arg=/fw", "offset=1000").named("past the end"), rpc("files/read", "arg=/fw", "offset=-1").named("before the start"),
			rpc("files/read", "arg=/fw", "count=-1").named("negative count"),
			rpc("files/write", "arg=/fw", "offset=-1").with(content("x")).named("negative offset"),
			rpc("files/write", "arg=/fw", "count=-1").with(content("x")).named("negative count written"),
			rpc("files/write", "arg=/fw/below", "create=true").with(content("x")).named("below a file"),
			rpc("files/write", "arg=/no/dir", "create=true").with(content("x")).named("no directory"),
			rpc("files/write", "arg=relative", "create=true").with(content("x")).named("relative"),
			rpc("files/write", "arg=", "create=true").with(content("x")).named("no path"),
			rpc("files/write", "arg=/", "create=true").with(content("x")).named("the root"),
			rpc("files/write", "arg=/fw").named("no content"),
			rpc("files/write", "arg=/fw").with(raw("text/plain", "x")).named("no form"),
			rpc("files/write", "arg=/fw", "hash=nonsense", "create=true").with(content("x")).named("unknown hash"),
			rpc("files/write", "arg=/fw", "cid-version=7").with(content("x")).named("unknown version"),
			rpc("files/write", "arg=/fw", "offset=nonsense").with(content("x")).named("no number"),
			rpc("files/write", "arg=/fw", "unknown=1").with(content("x")).named("unknown option"),
			rpc("files/stat", "arg=/fw"), rpc("files/rm", "arg=/fw"), rpc("files/rm", "arg=/fw").named("removed twice"),
		}},
		{"files write large", []step{
			rpc("files/write", "arg=/fl/v0", "create=true", "parents=true").with(content(large)), rpc("files/stat", "arg=/fl/v0"), rpc("files/read", "arg=/fl/v0", "offset=1700000"),
			rpc("files/write", "arg=/fl/v1", "create=true", "cid-version=1").with(content(large)).named("version 1"), rpc("files/stat", "arg=/fl/v1").named("version 1 looked at"),
			rpc("files/write", "arg=/fl/hash", "create=true", "hash=blake3").with(content(large)).named("hash"), rpc("files/stat", "arg=/fl/hash").named("hash looked at"),
			rpc("files/write", "arg=/fl/raw", "create=true", "raw-leaves=true").with(content(large)).named("raw leaves"), rpc("files/stat", "arg=/fl/raw").named("raw leaves looked at"),
			rpc("files/write", "arg=/fl/v0", "offset=900000").with(content(large)).named("over the middle"), rpc("files/read", "arg=/fl/v0", "offset=899990", "count=40").named("the middle"),
			rpc("files/stat", "arg=/fl", "with-local=true").named("local"), rpc("files/ls", "arg=/fl", "long=true"),
			rpc("files/rm", "arg=/fl", "recursive=true"),
		}},
	}
}

// filesTreeCases make, move and remove directories.
func filesTreeCases() []testCase {
	return []testCase{
		{"files mkdir", []step{
			rpc("files/mkdir", "arg=/fm"), rpc("files/mkdir", "arg=/fm").named("twice"), rpc("files/mkdir", "arg=/fm", "parents=true").named("twice with parents"),
			rpc("files/mkdir", "arg=/fm/a/b").named("without parents"), rpc("files/mkdir", "arg=/fm/a/b", "p=true").named("with parents"),
			rpc("files/mkdir", "arg=/fm/v1", "cid-ver=1"), rpc("files/mkdir", "arg=/fm/hash", "hash=sha2-512").named("hash"), rpc("files/mkdir", "arg=/fm/bad", "hash=x").named("unknown hash"),
			rpc("files/mkdir", "arg=/").named("the root"), rpc("files/mkdir", "arg=/", "parents=true").named("the root with parents"), rpc("files/mkdir", "arg=fm").named("relative"),
			rpc("files/mkdir", "arg=/fm/slash/").named("slash at the end"), rpc("files/mkdir").named("no path"),
			rpc("files/ls", "arg=/fm", "l=true"), rpc("files/ls", "arg=/fm").named("short"), rpc("files/ls", "arg=/fm/").named("slash"), rpc("files/ls").named("root").only("Entries").omit("body"),
			rpc("files/ls", "arg=/fm", "long=true", "encoding=text").named("text"), rpc("files/ls", "arg=/fm", "encoding=text", "U=true").named("text unsorted"),
			rpc("files/ls", "arg=fm").named("relative list"), rpc("files/stat", "arg=/fm", "format=<hash> <size> <cumulsize> <type> <childs>", "encoding=text"),
			rpc("files/stat", "arg=/fm", "hash=true", "size=true").named("two formats"), rpc("files/stat", "arg=/none").named("nothing"),
			rpc("files/stat", "arg=/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").named("outside"), rpc("files/stat", "arg=/fm", "cid-base=base32").named("base"),
			rpc("files/rm", "arg=/fm", "r=true"),
		}},
		{"files cp", []step{
			chain("files cp"), rpc("files/mkdir", "arg=/fc"),
			rpc("files/cp", "arg=/ipfs/$d", "arg=/fc/d"), rpc("files/cp", "arg=/ipfs/$d", "arg=/fc/d").named("twice"), rpc("files/cp", "arg=/ipfs/$f", "arg=/fc/d", "force=true").named("over a directory"),
			rpc("files/cp", "arg=/ipfs/$d/f", "arg=/fc/f").named("by path"), rpc("files/cp", "arg=/ipfs/$f", "arg=/fc/f", "force=true").named("over a file"),
			rpc("files/cp", "arg=/fc/d", "arg=/fc/e").named("inside"), rpc("files/cp", "arg=/fc/d", "arg=/fc/e/").named("into"), rpc("files/cp", "arg=/fc/d", "arg=/fc/x/y/z").named("no parents"),
			rpc("files/cp", "arg=/fc/d", "arg=/fc/x/y/z", "p=true").named("parents"), rpc("files/cp", "arg=/fc/none", "arg=/fc/other").named("nothing"),
			rpc("files/cp", "arg=/ipfs/nonsense", "arg=/fc/other").named("no CID"), rpc("files/cp", "arg=/ipfs/"+absentCID, "arg=/fc/other", "timeout=1s").named("nobody has it"),
			rpc("files/cp", "arg=/ipfs/$d/none", "arg=/fc/other").named("no such path"), rpc("files/cp", "arg=/fc/d").named("no target"), rpc("files/cp", "arg=/fc/d", "arg=relative").named("relative"),
			rpc("block/put", "cid-codec=dag-cbor").with(content("\xa1aax")).capture("b", `"Key":"(\w+)"`), rpc("files/cp", "arg=/ipfs/$b", "arg=/fc/cbor").named("another codec"),
			rpc("files/read", "arg=/fc/f"), rpc("files/read", "arg=/fc/d/f").named("below"), rpc("files/ls", "arg=/fc", "long=true"), rpc("files/stat", "arg=/fc", "with-local=true"),
			rpc("repo/gc", "quiet=true").omit("body"), rpc("files/read", "arg=/fc/e/d/f").named("after a collection"), rpc("files/read", "arg=/fc/x/y/z/f").named("after it too"),
			rpc("files/rm", "arg=/fc", "recursive=true"),
		}},
		{"files mv", []step{
			rpc("files/write", "arg=/fv/a/f", "create=true", "parents=true").with(content("files mv")), rpc("files/mkdir", "arg=/fv/b"),
			rpc("files/mv", "arg=/fv/a/f", "arg=/fv/b/g"), rpc("files/ls", "arg=/fv/a"), rpc("files/ls", "arg=/fv/b").named("new place"),
			rpc("files/mv", "arg=/fv/b", "arg=/fv/a").named("into a directory"), rpc("files/mv", "arg=/fv/a/b/g", "arg=/fv/").named("up"), rpc("files/mv", "arg=/fv/none", "arg=/fv/x").named("nothing"),
			rpc("files/mv", "arg=/fv/g", "arg=/fv/no/x").named("no directory"), rpc("files/mv", "arg=/fv/g", "arg=/fv/g").named("onto itself"), rpc("files/mv", "arg=/", "arg=/fv/x").named("the root"),
			rpc("files/mv", "arg=/fv/g").named("no target"), rpc("files/stat", "arg=/fv"), rpc("files/ls", "arg=/fv", "long=true"),
			rpc("files/rm", "arg=/fv", "recursive=true"),
		}},
		{"files rm", []step{
			rpc("files/mkdir", "arg=/fr/d", "parents=true"), rpc("files/write", "arg=/fr/f", "create=true").with(content("files rm")),
			rpc("files/rm", "arg=/fr/d").named("a directory"), rpc("files/rm", "arg=/fr/f", "arg=/fr/none", "arg=/fr/d", "r=true").named("one is missing"), rpc("files/ls", "arg=/fr"),
			rpc("files/rm", "arg=/fr/none", "force=true").named("forced"), rpc("files/rm", "arg=/").named("the root"), rpc("files/rm", "arg=/fr", "flush=false").named("without a flush"),
			rpc("files/rm", "arg=/none/none").named("no directory"), rpc("files/rm", "arg=/none/none", "force=true").named("no directory, forced"), rpc("files/rm", "arg=fr").named("relative"),
			rpc("files/rm", "arg=/fr/", "force=true").named("slash"), rpc("files/ls", "arg=/fr").named("gone"),
		}},
	}
}

// filesStateCases are about times, modes, formats, and changes that are not flushed.
func filesStateCases() []testCase {
	return []testCase{
		{"files times and modes", []step{
			rpc("files/write", "arg=/ft/f", "create=true", "parents=true").with(content("files touch")),
			rpc("files/touch", "arg=/ft/f", "mtime=1700000000"), rpc("files/stat", "arg=/ft/f"), rpc("files/touch", "arg=/ft", "mtime=1600000000", "mtime-nsecs=7").named("a directory"),
			rpc("files/stat", "arg=/ft").named("directory"), rpc("files/touch", "arg=/ft/none").named("nothing"), rpc("files/chmod", "arg=0640", "arg=/ft/f"), rpc("files/chmod", "arg=0750", "arg=/ft").named("a directory's"),
			rpc("files/chmod", "arg=999", "arg=/ft").named("no mode"), rpc("files/chmod", "arg=0600", "arg=/ft/none").named("mode of nothing"), rpc("files/stat", "arg=/ft/f").named("both"),
			rpc("files/stat", "arg=/ft/f", "format=<mode> <mode-octal> <mtime> <mtime-secs> <mtime-nsecs>", "encoding=text").named("formatted"), rpc("files/ls", "arg=/ft", "long=true"),
			rpc("files/chmod", "arg=0700", "arg=/ft", "flush=false").named("never without a flush"), rpc("files/stat", "arg=/ft").named("seen"),
			rpc("files/touch", "arg=/ft/f").named("now"), rpc("files/read", "arg=/ft/f"), rpc("files/rm", "arg=/ft", "recursive=true"),
			rpc("repo/gc", "quiet=true").omit("body"), // what depends on the moment
		}},
		{"files chcid", []step{
			rpc("files/mkdir", "arg=/fi/d", "parents=true"), rpc("files/write", "arg=/fi/d/f", "create=true").with(content("files chcid")),
			rpc("files/chcid", "arg=/fi/d", "cid-version=1"), rpc("files/stat", "arg=/fi/d"), rpc("files/chcid", "arg=/fi/d", "hash=sha2-512").named("hash"), rpc("files/stat", "arg=/fi/d").named("other hash"),
			rpc("files/chcid", "arg=/").named("the root"), rpc("files/chcid", "arg=/fi/d/f", "cid-version=1").named("a file"), rpc("files/chcid", "arg=/fi/none", "cid-version=1").named("nothing"),
			rpc("files/chcid", "arg=/fi/d").named("no format"), rpc("files/chcid", "arg=/fi/d", "hash=x").named("unknown hash"), rpc("files/write", "arg=/fi/d/g", "create=true").with(content("after")).named("after"),
			rpc("files/ls", "arg=/fi/d", "long=true"), rpc("files/chcid", "arg=/fi/d", "cid-version=0", "flush=false").named("without a flush"), rpc("files/stat", "arg=/fi/d").named("not flushed"),
			rpc("files/flush"), rpc("files/stat", "arg=/fi").named("flushed"), rpc("files/rm", "arg=/fi", "recursive=true"),
		}},
		{"files unflushed", []step{
			rpc("files/mkdir", "arg=/fu", "flush=false"), rpc("files/ls", "arg=/fu"), rpc("files/mkdir", "arg=/fu/d", "f=false").named("below"),
			rpc("files/write", "arg=/fu/f", "create=true", "flush=false").with(content("files unflushed")), rpc("files/read", "arg=/fu/f"), rpc("files/stat", "arg=/fu/f"),
			rpc("files/cp", "arg=/fu/f", "arg=/fu/g", "flush=false"), rpc("files/mv", "arg=/fu/g", "arg=/fu/h", "flush=false"), rpc("files/ls", "arg=/fu", "long=true").named("all"),
			rpc("files/write", "arg=/fu/f", "offset=6", "flush=false").with(content("written")).named("again"), rpc("files/read", "arg=/fu/f").named("again read"),
			rpc("files/flush", "arg=/fu"), rpc("files/flush", "arg=/none").named("nothing"), rpc("files/stat", "arg=/fu").named("flushed"), rpc("files/flush").named("all flushed").omit("body"),
			rpc("files/rm", "arg=/fu", "recursive=true"),
			rpc("repo/gc", "quiet=true").omit("body"), // directories that were never flushed, which kubo does not store
		}},
		{"files of requests", []step{
			rpc("files/ls").by("GET").named("GET"), rpc("files/mkdir", "arg=/q").by("GET").named("GET of a change"), rpc("files/mkdir", "arg=/q").by("PUT").named("PUT"),
			rpc("files/mkdir", "arg=/q").header("Origin", "http://elsewhere.example").named("another site"), rpc("files/ls").header("Origin", "http://elsewhere.example").named("another site reads"),
			rpc("files/mkdir", "arg=/q").header("Origin", "https://app.example").named("a site that may"), rpc("files/ls", "arg=/q").header("Origin", "https://app.example").named("a site that may read"),
			rpc("files/ls/q").named("path as argument"), rpc("files/mkdir", "arg=/q", "encoding=xml").named("XML"), rpc("files/rm", "arg=/q", "recursive=true"), rpc("files").named("no command"), rpc("files/none").named("no such command"),
			rpc("files/ls", "arg=/", "timeout=10s").named("timeout").omit("body"),
		}},
		{"files chroot", []step{
			rpc("files/chroot", "confirm=true"), rpc("files/chroot"), rpc("files/ls", "arg=/").named("after it").omit("body"),
		}},
	}
}
