package rpcdiff

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
