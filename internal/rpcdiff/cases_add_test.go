package rpcdiff

import (
	"strings"
	"time"
)

// addCases are about what add answers, one option after the other.
func addCases() []testCase {
	big := strings.Repeat("add progress, more than one chunk. ", 20_000)
	tree := form(dir("tree"), file("tree/a", "add tree a"), dir("tree/sub"), file("tree/sub/b", "add tree b"), symlink("tree/link", "a"))
	return []testCase{
		{"add several roots", []step{
			rpc("add").with(form(file("a.txt", "add roots a"), file("b.txt", "add roots b"), file("c.txt", "add roots c"))).
				capture("a", `"a.txt","Hash":"(\w+)"`).capture("b", `"b.txt","Hash":"(\w+)"`).capture("c", `"c.txt","Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$a", "arg=$b", "arg=$c", "type=recursive"),
			rpc("cat", "arg=$a", "arg=$b", "arg=$c"),
		}},
		{"add directory", []step{
			rpc("add").with(tree).capture("root", `"tree","Hash":"(\w+)"`),
			rpc("ls", "arg=$root"),
			rpc("pin/ls", "arg=$root"),
			rpc("pin/ls", "arg=$root/sub/b").named("a file in it"),
			rpc("get", "arg=$root/sub/b").named("get").mask(maskTar...),
			rpc("add", "recursive=true", "r=true").with(tree).named("option twice"),
			rpc("add", "recursive=true", "hidden=true", "ignore=a", "ignore-rules-path=x", "dereference-symlinks=true", "dereference-args=true", "stdin-name=s").
				with(tree).named("options of the command line"),
			rpc("add", "quiet=true").with(tree).named("quiet"),
			rpc("add", "quieter=true").with(tree).named("quieter"),
			rpc("add", "silent=true").with(tree).named("silent"),
			rpc("add", "silent=true", "wrap-with-directory=true").with(tree).named("silent and wrapped"),
			rpc("add", "empty-dirs=true").with(form(dir("e"), dir("e/empty"), file("e/f", "add empty dirs"))).named("empty directories"),
			rpc("add", "empty-dirs=false").with(form(dir("e"), dir("e/empty"), file("e/f", "add empty dirs"))).named("without empty directories"),
		}},
		{"add progress", []step{
			rpc("add", "progress=true").with(file1("big.bin", big)),
			rpc("add", "progress=true").with(form(dir("d"), file("d/x.txt", big))).named("in a directory"),
			rpc("add", "p=true", "w=true").with(file1("big.bin", big)).named("wrapped"),
			rpc("add", "progress=false").with(file1("big.bin", big)).named("off"),
			rpc("add", "X=1").with(file1("big.bin", big)).named("unknown"),
			rpc("add").with(file1("big.bin", big)).header("Expect", "100-continue").named("as curl sends it"),
		}},
		{"add only-hash", []step{
			rpc("add", "only-hash=true").with(content("add only-hash")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c"),
			rpc("block/stat", "arg=$c", "offline=true"),
			rpc("add", "only-hash=true", "pin=true", "pin-name=x").with(content("add only-hash")).named("with a pin"),
			rpc("add", "only-hash=true", "wrap-with-directory=true", "cid-version=1").with(file1("f", "add only-hash")).named("wrapped"),
		}},
	}
}

// addNameCases are about names and paths, and about what add refuses.
func addNameCases() []testCase {
	return []testCase{
		{"add wrap", []step{
			rpc("add", "wrap-with-directory=true").with(form(file("a.txt", "add wrap a"), file("b.txt", "add wrap b"))).capture("c", `"Name":"","Hash":"(\w+)"`),
			rpc("ls", "arg=$c"),
			rpc("pin/ls", "arg=$c"),
			rpc("pin/ls", "arg=$c/a.txt").named("what is in it"),
			rpc("add", "wrap-with-directory=true").with(file1("", "add wrap without a name")).named("no name"),
			rpc("add").with(file1("", "add without a name")).named("neither"),
			rpc("add").with(file1("../up", "add up")).named("a path upwards"),
			rpc("add").with(file1("a/b/c", "add deep")).named("a deep path"),
			rpc("add").with(form(file("dup", "one"), file("dup", "two"))).named("one name twice"),
		}},
		{"add and go wrong", []step{
			rpc("add", "hash=nonsense").with(content("add wrong")),
			rpc("add", "chunker=nonsense").with(content("add wrong")).named("unknown chunker"),
			rpc("add", "chunker=size-0").with(content("add wrong")).named("chunk of nothing"),
			rpc("add", "chunker=size-99999999").with(content("add wrong")).named("chunk too big"),
			rpc("add", "cid-version=7").with(content("add wrong")).named("unknown version"),
			rpc("add", "hash=sha2-512", "cid-version=0").with(content("add wrong")).named("hash needs version 1"),
			rpc("add", "mode=banana").with(content("add wrong")).named("no mode"),
			rpc("add", "inline=true", "inline-limit=100000").with(content("add wrong")).named("limit too big"),
			rpc("add", "nocopy=true").with(content("add wrong")).named("no file to refer to"),
			rpc("add", "nocopy=true", "raw-leaves=false").with(content("add wrong")).named("nocopy needs raw leaves"),
			rpc("add", "fscache=true").with(content("add wrong")).named("fscache"),
			rpc("add", "max-hamt-fanout=7").with(form(dir("w"), file("w/f", "add wrong"))).named("odd fan-out"),
			rpc("add", "to-files=relative").with(content("add wrong")).named("relative target"),
			rpc("add", "pin=false", "pin-name=x").with(content("add wrong")).named("name without a pin"),
			rpc("add", "pin-name="+strings.Repeat("x", 256)).with(content("add wrong")).named("name too long"),
			rpc("add", "mtime-nsecs=5").with(content("add wrong")).named("fraction without a time"),
			rpc("add", "mtime=1", "mtime-nsecs=1000000000").with(content("add wrong")).named("fraction too big"),
			rpc("add", "trickle=true", "max-file-links=1").with(content("add wrong")).named("one link"),
		}},
		{"add what other programs act on", []step{
			rpc("add", "replication-min=1", "replication-max=1", "user-allocations=x", "expire-in=1s", "shard=true", "local=true", "format=car", "no-pin=true", "name=other").
				with(content("add with options of a cluster")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c", "names=true"),
		}},
	}
}

// addFormatCases are the options of add that change the CID.
func addFormatCases() []testCase {
	text := strings.Repeat("add formats ", 400)
	withMeta := form(file("m", "add with metadata", "mode", "0644", "mtime", "1700000000", "mtime-nsecs", "5"))
	var many []part
	many = append(many, dir("many"))
	for i := range 40 {
		many = append(many, file("many/"+strings.Repeat("n", 20)+string(rune('a'+i%26))+strings.Repeat("x", i), "add many"))
	}
	one := func(params ...string) step {
		return rpc("add", params...).with(content(text)).named(strings.Join(params, " "))
	}
	return []testCase{
		{"add formats", []step{
			one("cid-version=0"), one("cid-version=1"), one("cid-version=1", "raw-leaves=false"), one("raw-leaves=true"),
			one("hash=sha2-512"), one("hash=blake3"), one("hash=blake2b-256", "cid-version=1"), one("hash=identity"), one("hash=sha1"),
			one("chunker=size-1024"), one("s=size-1024"), one("chunker=rabin-512-1024-2048"), one("chunker=buzhash"),
			one("trickle=true", "chunker=size-100"), one("max-file-links=3", "chunker=size-100"), one("max-file-links=3", "trickle=true", "chunker=size-100"),
			rpc("add", "inline=true").with(content("tiny")).named("inline"),
			rpc("add", "inline=true", "inline-limit=16").with(content("sixteen bytes...")).named("inline to the limit"),
			rpc("add", "inline=true", "inline-limit=8").with(content("beyond the limit")).named("inline beyond the limit"),
			rpc("add").with(content("")).named("empty file"),
			rpc("add", "max-directory-links=10", "max-hamt-fanout=8", "cid-version=1").with(form(many...)).named("directory of many"),
			rpc("add").with(form(many...)).named("plain directory of many"),
		}},
		{"add an empty block", []step{
			rpc("add", "cid-version=1").with(content("")).cutAfter(4 * time.Second),
			rpc("pin/ls", "arg=bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
		}},
		{"add mode and time", []step{
			one("mode=493"), one("mode=0755"), one("mtime=1700000000"), one("mtime=1700000000", "mtime-nsecs=123"), one("mtime=-1"),
			rpc("add", "preserve-mode=true", "preserve-mtime=true").with(withMeta).named("preserved").capture("c", `"Hash":"(\w+)"`),
			rpc("add").with(withMeta).named("sent but not asked for"),
			rpc("files/stat", "arg=/ipfs/$c"),
			rpc("ls", "arg=$c"),
			rpc("add", "mode=0700", "w=true").with(form(dir("d"), file("d/f", "add mode"))).named("of directories"),
		}},
	}
}

// addPinCases are about what add leaves pinned.
func addPinCases() []testCase {
	return []testCase{
		{"add pin", []step{
			rpc("add", "pin=true", "pin-name=add pin name").with(content("add pin named")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c", "names=true"),
			rpc("pin/ls", "name=add pin name", "type=recursive").named("by name"),
			rpc("add", "pin=false").with(content("add unpinned")).capture("u", `"Hash":"(\w+)"`).named("unpinned"),
			rpc("pin/ls", "arg=$u").named("unpinned is not listed"),
			rpc("cat", "arg=$u").named("unpinned is there"),
			rpc("add").with(content("add unpinned")).named("pinned later"),
			rpc("pin/ls", "arg=$u").named("now it is"),
			rpc("add", "pin=true", "pin-name=second name").with(content("add pin named")).named("again under another name"),
			rpc("pin/ls", "arg=$c", "names=true").named("the name now"),
			rpc("add", "pin-name=many roots").with(form(file("r1", "add named r1"), file("r2", "add named r2"))).named("one name for two"),
			rpc("pin/ls", "name=many roots", "type=recursive").named("both").inAnyOrder(),
		}},
		{"add fast-provide", []step{
			rpc("add", "fast-provide-root=true", "fast-provide-wait=true", "fast-provide-dag=true").with(content("add fast-provide")),
			rpc("add", "fast-provide-root=false", "fast-provide-wait=false", "fast-provide-dag=false").with(content("add fast-provide")).named("off"),
		}},
		{"add to-files", []step{
			rpc("add", "to-files=/add-to-files").with(content("add to-files")).capture("c", `"Hash":"(\w+)"`),
			rpc("files/stat", "arg=/add-to-files").named("look 1"),
			rpc("files/stat", "arg=/add-to-files").named("look 2"),
			rpc("files/read", "arg=/add-to-files").named("look 3"),
			rpc("pin/ls", "arg=$c"),
			rpc("add", "to-files=/").with(file1("in-root", "add to-files in the root")).named("into the root"),
			rpc("add", "to-files=/add-to-files/below").with(content("add to-files below")).named("below a file"),
		}},
		{"add nocopy", []step{
			rpc("add", "nocopy=true").with(form(file("f", "add nocopy", "Abspath", "/nonexistent/file"))).named("a file outside of the repository"),
		}},
	}
}
