package rpcdiff

import (
	"strings"
	"time"
)

// chain adds a directory with a file and captures both as $d and $f.
func chain(name string) step {
	return rpc("add", "pin=false").named("content").with(form(dir("d"), file("d/f", name))).
		capture("f", `"d/f","Hash":"(\w+)"`).capture("d", `"d","Hash":"(\w+)"`)
}

func pinCases() []testCase {
	long := strings.Repeat("n", 255)
	return []testCase{
		{"pin add", []step{
			chain("pin add"),
			rpc("pin/add", "arg=$d", "name=pin add"),
			rpc("pin/ls", "arg=$d", "names=true"),
			rpc("pin/add", "arg=$d", "name=pin add other").named("under another name"),
			rpc("pin/ls", "arg=$d", "names=true").named("the other name"),
			rpc("pin/add", "arg=$d").named("without a name"),
			rpc("pin/ls", "arg=$d", "names=true").named("the name after that"),
			rpc("pin/add", "arg=$d", "recursive=false").named("direct over recursive"),
			rpc("pin/add", "arg=/ipfs/$d/f").named("by path"),
			rpc("pin/ls", "arg=$f").named("what the path led to"),
			rpc("pin/add", "arg=$d/nothing").named("no such link"),
			rpc("pin/add", "arg=foo").named("not a path"),
			rpc("pin/add", "arg=/ipfs/").named("an empty path"),
			rpc("pin/add", "arg=/ipns/nothing.invalid", "timeout=2s").named("a name that leads nowhere"),
			rpc("pin/add", "arg=").named("an empty argument"),
			rpc("pin/add", "arg=$d", "name="+long).named("a long name"),
			rpc("pin/add", "arg=$d", "name="+long+"n").named("a name too long"),
			rpc("pin/add", "arg=$d", "n=short form").named("alias of name"),
			rpc("pin/ls", "arg=$d", "names=true").named("the short name"),
			rpc("pin/add", "arg=$d", "type=direct").named("type is not an option"),
			rpc("pin/add", "arg=$d", "fast-provide-root=true", "fast-provide-dag=true", "fast-provide-wait=true").named("fast-provide"),
		}},
		{"pin add several", []step{
			rpc("add", "pin=false").with(form(file("a", "pin several a"), file("b", "pin several b"))).
				capture("a", `"a","Hash":"(\w+)"`).capture("b", `"b","Hash":"(\w+)"`),
			rpc("pin/add", "arg=$a", "arg=$b", "name=several"),
			rpc("pin/ls", "arg=$a", "arg=$b", "names=true"),
			rpc("pin/rm", "arg=$a", "arg=$b"),
			rpc("pin/ls", "arg=$a").named("a is gone"),
			rpc("pin/ls", "arg=$b").named("b is gone"),
			rpc("pin/add").with(file1("", "$a\n$b\n")).named("in the body"),
			rpc("pin/ls", "arg=$a", "arg=$b").named("both again"),
			rpc("pin/rm").with(file1("", "$a\n$b\n")).named("removed by the body"),
			rpc("pin/add", "arg=$a", "arg=foo", "arg=$b").named("the second is wrong"),
			rpc("pin/ls", "arg=$a").named("a before the fault"),
			rpc("pin/ls", "arg=$b").named("b after the fault"),
		}},
	}
}

// pinKindCases are about kinds of pins, progress, removal and verification.
func pinKindCases() []testCase {
	return []testCase{
		{"pin direct", []step{
			chain("pin direct"),
			rpc("pin/add", "arg=$d", "recursive=false", "name=direct"),
			rpc("pin/ls", "arg=$d", "names=true"),
			rpc("pin/ls", "arg=$f").named("not below"),
			rpc("pin/rm", "arg=$d", "recursive=false").named("pin/rm direct"),
			rpc("pin/add", "arg=$d", "r=0").named("alias"),
			rpc("pin/rm", "arg=$d").named("recursive removal of a direct pin"),
			rpc("pin/add", "arg=$d", "r=false").named("direct once more"),
			rpc("pin/add", "arg=$d").named("recursive over direct"),
			rpc("pin/ls", "arg=$d").named("now recursive"),
			rpc("pin/rm", "arg=$d", "recursive=false").named("direct removal of a recursive pin"),
		}},
		{"pin add progress", []step{
			chain("pin add progress"),
			rpc("pin/add", "arg=$d", "progress=true"),
			rpc("pin/add", "arg=$d", "progress=true").named("again"),
			rpc("pin/add", "arg=$d", "progress=true", "recursive=false").named("that fails"),
			rpc("pin/add", "arg="+absentCID, "progress=true", "timeout=1200ms").named("of what nobody has"),
		}},
		{"pin add of a hole", []step{
			rpc("dag/put").with(content(`{"hole":{"/":"`+absentCID+`"}}`)).capture("c", `"/":"(\w+)"`),
			rpc("pin/add", "arg=$c", "timeout=500ms"),
			rpc("pin/ls", "arg=$c").named("is not pinned"),
			rpc("pin/add", "arg=$c").cutAfter(500 * time.Millisecond).named("the client leaves"),
			rpc("pin/ls", "arg=$c").named("is still not pinned"),
			rpc("pin/add", "arg=$c", "offline=true", "timeout=2s").named("offline"),
			rpc("pin/add", "arg=$c", "timeout=700ms", "progress=true").named("with progress"),
			rpc("pin/add", "arg=$c", "recursive=false").named("only the root"),
			rpc("pin/ls", "arg=$c"),
		}},
		{"pin rm", []step{
			chain("pin rm"),
			rpc("pin/rm", "arg=$d").named("not pinned"),
			rpc("pin/add", "arg=$d"),
			rpc("pin/rm", "arg=$f").named("pinned indirectly"),
			rpc("pin/rm", "arg=$d/f").named("by path"),
			rpc("pin/rm", "arg=$d"),
			rpc("pin/rm", "arg=$d").named("twice"),
			rpc("pin/rm", "arg=foo").named("not a path"),
			rpc("pin/rm", "arg="+absentCID).named("of what nobody has"),
			rpc("cat", "arg=$d/f").named("the content is still there"),
		}},
		{"pin verify", []step{
			chain("pin verify"),
			rpc("pin/add", "arg=$d"),
			rpc("pin/verify").inAnyOrder(),
			rpc("pin/verify", "verbose=true").inAnyOrder().named("verbose"),
			rpc("pin/verify", "quiet=true").named("quiet"),
			rpc("pin/verify", "verbose=true", "quiet=true").named("both"),
		}},
	}
}

func pinListCases() []testCase {
	return []testCase{
		{"pin ls", []step{
			chain("pin ls"),
			rpc("add", "pin=false").with(content("pin ls direct")).capture("x", `"Hash":"(\w+)"`),
			rpc("pin/add", "arg=$d", "name=pin ls list"),
			rpc("pin/add", "arg=$x", "recursive=false", "name=pin ls other"),
			rpc("pin/ls").named("everything"),
			rpc("pin/ls", "type=all").named("all"),
			rpc("pin/ls", "type=recursive").named("recursive"),
			rpc("pin/ls", "type=direct").named("direct"),
			rpc("pin/ls", "type=indirect").named("indirect"),
			rpc("pin/ls", "t=direct").named("alias"),
			rpc("pin/ls", "type=nonsense").named("no such type"),
			rpc("pin/ls", "quiet=true").named("quiet"),
			rpc("pin/ls", "names=true").named("names"),
			rpc("pin/ls", "names=true", "type=direct").named("names of direct"),
			rpc("pin/ls", "name=pin ls").named("some name"),
			rpc("pin/ls", "name=pin ls list").named("one name"),
			rpc("pin/ls", "name=PIN LS").named("capitals"),
			rpc("pin/ls", "name=no such name").named("no name"),
			rpc("pin/ls", "name=").named("empty name"),
			rpc("pin/ls", "n=pin ls list").named("alias of name"),
			rpc("pin/ls", "stream=true").named("stream").inAnyOrder(),
			rpc("pin/ls", "stream=true", "names=true", "type=recursive").named("stream of names").inAnyOrder(),
			rpc("pin/ls", "stream=true", "encoding=text").named("stream of text").inAnyOrder(),
			rpc("pin/ls", "stream=true", "type=direct", "name=no such name").named("stream of nothing"),
		}},
		{"pin ls of arguments", []step{
			chain("pin ls arguments"),
			rpc("pin/add", "arg=$d", "name=arguments"),
			rpc("pin/ls", "arg=$d"), rpc("pin/ls", "arg=$f").named("indirect"),
			rpc("pin/ls", "arg=$d", "arg=$f").named("several"),
			rpc("pin/ls", "arg=$d/f").named("path"),
			rpc("pin/ls", "arg=/ipfs/$d").named("path of a root"),
			rpc("pin/ls", "arg=$d", "type=direct").named("of another type"),
			rpc("pin/ls", "arg=$f", "type=indirect").named("of its type"),
			rpc("pin/ls", "arg=$f", "type=recursive").named("indirect is not recursive"),
			rpc("pin/ls", "arg=$d", "type=nonsense").named("no such type"),
			rpc("pin/ls", "arg=$d", "stream=true").named("stream"),
			rpc("pin/ls", "arg=$d", "names=true").named("names"),
			rpc("pin/ls", "arg=$f", "names=true").named("names of indirect"),
			rpc("pin/ls", "arg=$d", "name=argu").named("name and argument"),
			rpc("pin/ls", "arg=$d", "quiet=true").named("quiet"),
			rpc("pin/ls", "arg="+absentCID).named("not pinned"),
			rpc("pin/ls", "arg=$d", "arg="+absentCID).named("one of them not pinned"),
			rpc("pin/ls", "arg=$d/nothing").named("no such link"),
			rpc("pin/ls", "arg=foo").named("not a path"),
		}},
	}
}

func pinUpdateCases() []testCase {
	two := rpc("add", "pin=false").with(form(dir("v1"), file("v1/f", "$name 1"), dir("v2"), file("v2/f", "$name 2"))).named("content").
		capture("a", `"v1","Hash":"(\w+)"`).capture("b", `"v2","Hash":"(\w+)"`)
	versions := func(name string) step {
		return two.with(form(dir("v1"), file("v1/f", name+" 1"), dir("v2"), file("v2/f", name+" 2")))
	}
	return []testCase{
		{"pin update", []step{
			versions("pin update"),
			rpc("pin/add", "arg=$a", "name=update"),
			rpc("pin/update", "arg=$a", "arg=$b"),
			rpc("pin/ls", "arg=$a").named("the old one"),
			rpc("pin/ls", "arg=$b", "names=true").named("the new one"),
			rpc("pin/update", "arg=$b", "arg=$a", "unpin=false").named("keep"),
			rpc("pin/ls", "arg=$a", "arg=$b", "names=true").named("both"),
			rpc("pin/update", "arg=$a", "arg=$b").named("to already pinned"),
			rpc("pin/update", "arg=$a", "arg=$a").named("to itself"),
			rpc("pin/ls", "arg=$a").named("still there"),
			rpc("pin/update", "arg="+absentCID, "arg=$b").named("from not pinned"),
			rpc("pin/rm", "arg=$b"),
			rpc("pin/update", "arg=$a", "arg=$b", "unpin=0").named("unpin=0"),
			rpc("pin/ls", "arg=$a", "arg=$b").named("both again"),
			rpc("pin/rm", "arg=$b").named("remove for the next"),
			rpc("pin/update", "arg=/ipfs/$a", "arg=/ipfs/$b", "fast-provide-root=true", "fast-provide-dag=true", "fast-provide-wait=true").named("by path"),
			rpc("pin/update", "arg=foo", "arg=$b").named("from nonsense"),
			rpc("pin/update", "arg=$b", "arg=foo").named("to nonsense"),
			rpc("pin/update", "arg=$b", "arg="+absentCID, "timeout=1s").named("to what nobody has"),
			rpc("pin/ls", "arg=$b").named("what is left"),
		}},
		{"pin update of a direct pin", []step{
			versions("pin update direct"),
			rpc("pin/add", "arg=$a", "recursive=false"),
			rpc("pin/update", "arg=$a", "arg=$b"),
			rpc("pin/add", "arg=$b", "recursive=false").named("direct target"),
			rpc("pin/rm", "arg=$a"),
			rpc("pin/add", "arg=$a").named("recursive source"),
			rpc("pin/update", "arg=$a", "arg=$b").named("over a direct pin"),
			rpc("pin/ls", "arg=$b").named("what it is now"),
		}},
	}
}

// pinRemoteCases use pinning services of other operators, of which there is none here.
func pinRemoteCases() []testCase {
	const service = "service=here"
	return []testCase{{"pin remote", []step{
		rpc("pin/remote/service/ls"),
		rpc("pin/remote/service/add", "arg=here", "arg=http://127.0.0.1:9/", "arg=key"),
		rpc("pin/remote/add", "arg="+absentCID, service, "name=x", "background=true"),
		rpc("pin/remote/ls", service, "name=x", "cid="+absentCID, "status=pinned"),
		rpc("pin/remote/rm", service, "name=x", "cid="+absentCID, "status=pinned", "force=true"),
		rpc("pin/remote/ls", "service=unknown").named("unknown service"),
		rpc("pin/remote/add", "arg="+absentCID).named("no service"),
		rpc("pin/remote/service/ls", "stat=true").named("with numbers"),
		rpc("pin/remote/service/add", "arg=here", "arg=http://127.0.0.1:9/", "arg=key").named("twice"),
		rpc("pin/remote/service/rm", "arg=here"),
	}}}
}
