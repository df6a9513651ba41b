package rpcdiff

import "strings"

func blockCases() []testCase {
	return []testCase{
		{"block put", []step{
			rpc("block/put").with(content("block put default")).capture("c", `"Key":"(\w+)"`),
			rpc("block/get", "arg=$c"), rpc("block/stat", "arg=$c"), rpc("pin/ls", "arg=$c"),
			rpc("block/put", "cid-codec=dag-pb").with(content("\x0a\x04\x08\x02\x12\x00")).named("dag-pb"),
			rpc("block/put", "mhtype=sha2-512", "mhlen=64").with(content("block put sha2-512")).named("sha2-512"),
			rpc("block/put", "mhtype=nonsense").with(content("x")).named("unknown hash"),
			rpc("block/put", "mhlen=5").with(content("x")).named("short hash"),
			rpc("block/put", "cid-codec=nonsense").with(content("x")).named("unknown codec"),
			rpc("block/put", "format=v0").with(content("block put v0")).named("format v0"),
			rpc("block/put", "format=raw").with(content("block put raw")).named("format raw"),
			rpc("block/put", "pin=1").with(content("block put pin=1")).capture("p", `"Key":"(\w+)"`).named("pin=1"),
			rpc("pin/ls", "arg=$p").named("pinned"),
			rpc("block/put", "pin=true").with(form(file("a", "block put several a"), file("b", "block put several b"))).named("several"),
			rpc("block/put", "pin=true", "cid-codec=raw").with(content("")).named("empty"),
			rpc("block/put").with(content(strings.Repeat("x", 3<<20))).named("too big"),
			rpc("block/put", "allow-big-block=true", "pin=true").with(content(strings.Repeat("x", 3<<20))).named("big"),
		}},
		{"block get", []step{
			rpc("block/put").with(content("block get")).capture("c", `"Key":"(\w+)"`),
			rpc("block/get", "arg=$c"), rpc("block/get", "arg=/ipfs/$c").named("path"),
			rpc("block/stat", "arg=$c").named("one"), rpc("block/stat", "arg=foo").named("nonsense"),
			rpc("block/get", "arg=$c", "offline=true").named("offline 1"),
			rpc("block/get", "arg=$c", "offline=true").named("offline 2"),
			rpc("block/stat", "arg=$c", "offline=true").named("offline 3"),
			rpc("block/get", "arg="+absentCID, "offline=true").named("absent"),
		}},
		{"block rm", []step{
			rpc("block/put").with(content("block rm")).capture("c", `"Key":"(\w+)"`),
			rpc("block/put", "pin=true").with(content("block rm pinned")).capture("p", `"Key":"(\w+)"`).named("pinned"),
			rpc("block/rm", "arg=$p").named("of a pinned block"),
			rpc("block/rm", "arg=$p", "force=true").named("forced, of a pinned block"),
			rpc("block/rm", "arg=$c"),
			rpc("block/stat", "arg=$c", "offline=true").named("look 1"),
			rpc("block/stat", "arg=$c", "offline=true").named("look 2"),
			rpc("block/stat", "arg=$c", "offline=true").named("look 3"),
			rpc("block/rm", "arg=$c").named("again"),
			rpc("block/rm", "arg=$c", "force=true").named("again, forced"),
			rpc("block/rm", "arg=$c", "quiet=true", "force=true").named("quiet"),
			rpc("block/rm", "arg=foo").named("nonsense"),
			rpc("block/put").with(content("block rm several a")).capture("a", `"Key":"(\w+)"`).named("a"),
			rpc("block/put").with(content("block rm several b")).capture("b", `"Key":"(\w+)"`).named("b"),
			rpc("block/rm", "arg=$a", "arg=$p", "arg=$b").named("several").inAnyOrder(),
		}},
	}
}

func dagCases() []testCase {
	return []testCase{
		{"dag put", []step{
			rpc("dag/put").with(content(`{"dag":"put"}`)).capture("c", `"/":"(\w+)"`),
			rpc("dag/get", "arg=$c"), rpc("pin/ls", "arg=$c"),
			rpc("dag/put", "pin=1").with(content(`{"dag":"pinned","link":{"/":"$c"}}`)).capture("p", `"/":"(\w+)"`).named("pin=1"),
			rpc("pin/ls", "arg=$p", "arg=$c").named("pinned"),
			rpc("dag/get", "arg=$p/link/dag").named("path"),
			rpc("dag/get", "arg=$p", "output-codec=dag-cbor").named("as CBOR"),
			rpc("dag/get", "arg=$p", "output-codec=nonsense").named("unknown output"),
			rpc("dag/get", "arg=$p/nothing").named("no such link"),
			rpc("dag/resolve", "arg=$p/link/dag"), rpc("dag/resolve", "arg=$p").named("root"), rpc("dag/resolve", "arg=$p/none").named("none"),
			rpc("dag/put", "store-codec=dag-json", "input-codec=dag-json", "hash=sha2-512", "pin=true").with(content(`{"dag":"json"}`)).named("as JSON"),
			rpc("dag/put", "store-codec=nonsense").with(content(`{}`)).named("unknown store"),
			rpc("dag/put", "input-codec=nonsense").with(content(`{}`)).named("unknown input"),
			rpc("dag/put", "hash=nonsense").with(content(`{}`)).named("unknown hash"),
			rpc("dag/put").with(content(`{"broken`)).named("broken"),
			rpc("dag/put", "pin=true").with(form(file("a", `{"several":1}`), file("b", `{"several":2}`))).named("several"),
			rpc("dag/put", "allow-big-block=false").with(content(`"` + strings.Repeat("x", 3<<20) + `"`)).named("too big"),
			rpc("dag/put", "allow-big-block=true").with(content(`"` + strings.Repeat("x", 3<<20) + `"`)).named("big"),
		}},
		{"dag put above what nobody has", []step{
			rpc("dag/put", "pin=true", "timeout=1s").with(content(`{"dag":"above","below":{"/":"` + absentCID + `"}}`)),
			rpc("dag/put").with(content(`{"dag":"above","below":{"/":"`+absentCID+`"}}`)).capture("c", `"/":"(\w+)"`).named("no pin"),
			rpc("pin/rm", "arg=$c"),
		}},
		{"dag stat", []step{
			chain("dag stat"),
			rpc("dag/stat", "arg=$d"), rpc("dag/stat", "arg=$d", "progress=false").named("no progress"),
			rpc("dag/stat", "arg=$d", "arg=$f", "progress=false").named("several"),
			rpc("dag/stat", "arg=$d", "progress=false", "offline=true").named("offline 1"),
			rpc("dag/stat", "arg=$d", "progress=false", "offline=true").named("offline 2"),
			rpc("dag/stat", "arg=$d", "progress=false", "offline=true").named("offline 3"),
			rpc("dag/stat", "arg=foo").named("nonsense"),
		}},
	}
}

// importCases take what was exported apart and put it back, pinned.
func importCases() []testCase {
	return []testCase{
		{"dag export", []step{
			chain("dag export"),
			rpc("dag/export", "arg=$d"), rpc("dag/export", "arg=$d", "progress=true").named("progress"),
			rpc("dag/export", "arg=$d/f").named("path"),
			rpc("dag/export", "arg=foo").named("nonsense"),
			rpc("dag/export", "arg="+absentCID, "offline=true").named("absent"),
			rpc("dag/export", "arg=$d", "offline=true", "local-only=true").named("local only"),
			rpc("dag/export", "arg=$d", "offline=true").named("offline 1"),
			rpc("dag/export", "arg=$d", "offline=true").named("offline 2"),
		}},
		{"dag import", []step{
			rpc("dag/import").with(content(carOf("import one", "import two"))).inAnyOrder(),
			rpc("pin/ls", "arg="+blockCID("import one").String(), "arg="+blockCID("import two").String()),
			rpc("pin/ls", "type=recursive", "names=true").named("roots"),
			rpc("dag/import", "pin-roots=false").with(content(carOf("import unpinned"))).named("unpinned"),
			rpc("pin/ls", "arg="+blockCID("import unpinned").String()).named("unpinned is not listed"),
			rpc("cat", "arg="+blockCID("import unpinned").String()).named("unpinned is there"),
			rpc("dag/import", "stats=true").with(content(carOf("import stats"))).named("stats"),
			rpc("dag/import", "silent=true").with(content(carOf("import silent"))).named("silent"),
			rpc("dag/import", "stats=true", "silent=true").with(content(carOf("import silent"))).named("both"),
			rpc("dag/import").with(form(file("a", carOf("import several a")), file("b", carOf("import several b")))).named("several").inAnyOrder(),
			rpc("dag/import", "allow-big-block=true", "fast-provide-root=true", "fast-provide-dag=true", "fast-provide-wait=true").
				with(content(carOf("import options"))).named("options"),
			rpc("dag/import", "local-only=true", "pin-roots=false").with(content(carOf("import local-only"))).named("local only"),
			rpc("dag/import", "local-only=true").with(content(carOf("import local-only"))).named("local only, pinned"),
			rpc("dag/import").with(content("nonsense")).named("not a CAR"),
			rpc("dag/import").with(content("")).named("empty"),
			rpc("dag/import").with(content(carOf("import cut off")[:90])).named("cut off"),
			rpc("dag/import", "offline=true").with(content(partialCar())).named("a root without its blocks"),
			rpc("pin/ls", "arg="+partialRoot()).named("is not pinned"),
		}},
	}
}

func objectCases() []testCase {
	return []testCase{{"object", []step{
		chain("object"),
		rpc("object/new"), rpc("object/data", "arg=$d"), rpc("object/get", "arg=$d"), rpc("object/links", "arg=$d"),
		rpc("object/put").with(content("{}")), rpc("object/stat", "arg=$d"),
		rpc("object/diff", "arg=$d", "arg=$f"), rpc("object/diff", "arg=$d", "arg=$f", "verbose=true").named("verbose"),
		rpc("object/patch/add-link", "arg=$d", "arg=name", "arg=$f").capture("n", `"Hash":"(\w+)"`),
		rpc("object/patch/rm-link", "arg=$n", "arg=f"),
		rpc("object/patch/append-data", "arg=$d").with(content("x")), rpc("object/patch/set-data", "arg=$d").with(content("x")),
		rpc("ls", "arg=$n"),
		rpc("pin/ls", "arg=$n"),
	}}}
}

// readCases read content that is pinned nowhere, through one peer after the other.
func readCases() []testCase {
	return []testCase{
		{"read", []step{
			chain("read"),
			rpc("cat", "arg=$f"), rpc("cat", "arg=$d/f").named("path"), rpc("cat", "arg=$d").named("a directory"),
			rpc("cat", "arg=$f", "offset=1", "length=2").named("range"), rpc("cat", "arg=$f", "offset=99").named("beyond"),
			rpc("cat", "arg=$f", "offset=-1").named("before"), rpc("cat", "arg=$f", "progress=true").named("progress"),
			rpc("get", "arg=$d").mask(maskTar...), rpc("get", "arg=$f", "archive=true").named("archive").mask(maskTar...),
			rpc("get", "arg=$f", "compress=true", "compression-level=1").named("compressed").omit("body"),
			rpc("ls", "arg=$d"), rpc("ls", "arg=$d", "stream=true").named("stream"), rpc("ls", "arg=$d", "size=false", "resolve-type=false").named("bare"),
			rpc("ls", "arg=$d", "headers=true", "long=true", "encoding=text").named("long"),
			rpc("ls", "arg=$d", "arg=$f").named("several"), rpc("ls", "arg=$d/none").named("none"),
			rpc("refs", "arg=$d"), rpc("refs", "arg=$d", "recursive=true", "unique=true", "edges=true").named("edges"),
			rpc("refs", "arg=$d", "format=<src> <dst> <linkname>").named("format"), rpc("refs", "arg=$d", "recursive=true", "max-depth=1").named("depth"),
			rpc("resolve", "arg=/ipfs/$d/f"), rpc("resolve", "arg=/ipfs/$d/none").named("none"), rpc("resolve", "arg=/ipfs/$d", "recursive=false").named("not recursive"),
		}},
	}
}
