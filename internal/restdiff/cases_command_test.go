package restdiff

import "path/filepath"

// commandCases run every command of ipfs-cluster-ctl, those with results of interest with both encodings.
func (s suite) commandCases() []testCase {
	path := func(name string) string { return filepath.Join(s.dir, name) }
	c, d, absent := inline("ctl pins"), inline("ctl pins in JSON"), nowhere("ctl")
	return []testCase{
		{"ctl asks", steps(
			s.ctl("commands"),
			s.both("id").mask(maskShown...).mask(maskAddresses...).mask(maskVersion...),
			s.both("version").mask(`\d+\.\d+\.\d+[-\w]*`).mask(maskVersion...),
			s.both("peers ls").mask(maskShown...).mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
			s.ctl("peers rm", "nonsense"),
			s.ctl("health graph").mask(maskGraph...).inAnyOrder(), s.ctl("health graph", "--all-ipfs-peers").mask(maskGraph...).inAnyOrder(), s.ctl("health graph", "--file="+path("graph")),
			s.both("health metrics").inAnyOrder(),
			s.both("health metrics", "ping").mask(maskMetric...).inAnyOrder(),
			s.both("health metrics", "freespace").mask(maskMetric...).inAnyOrder(),
			s.both("health alerts"),
			s.both("health bandwidth").mask(maskBandwidth...),
			s.both("ipfs gc").mask(maskKeys...).inAnyOrder(),
			s.both("ipfs gc", "--local").mask(maskKeys...),
		)},
		{"ctl pins", steps(
			s.ctl("pin add", "--name=ctl pins", "--no-status", c),
			s.inJSON("pin add", "--name=ctl pins in JSON", "--replication=1", "--allocations=$id1", "--no-status", d),
			s.both("pin ls", c), s.both("pin ls", absent),
			s.both("pin ls").only("ctl pins").inAnyOrder(), s.ctl("pin ls", "--filter=pin").only("ctl pins").inAnyOrder(),
			s.ctl("pin ls", "--filter=shard-pin"),
			s.inJSON("status", c).until(pinned).mask(maskAddresses...).named("settled"),
			s.both("status", c).mask(maskAddresses...).inAnyOrder(), s.ctl("status", "--local", c), s.both("status", c, d).mask(maskAddresses...).inAnyOrder(),
			s.inJSON("status", "--filter=pinned").only("ctl pins").inAnyOrder().mask(maskAddresses...), s.ctl("status", "--filter=pin_error"), s.ctl("status", "--filter=nonsense"),
			s.both("recover", c).mask(maskAddresses...).inAnyOrder(), s.ctl("recover", "--local", c), s.ctl("recover"), s.ctl("recover", "--local"),
			s.ctl("pin update", "--name=ctl pins updated", "--no-status", c, inline("ctl update")),
			s.ctl("pin update", "--no-status", absent, c).named("update of what is not pinned"),
			s.ctl("pin rm", "--wait", "--wait-limit=1", "--wait-timeout=20s", "--no-status", inline("ctl update")),
			s.both("pin rm", "--no-status", c), s.inJSON("pin rm", "--no-status", d),
			s.ctl("pin add", "--no-status", "nonsense"), s.ctl("pin add", "--replication-min=3", "--replication-max=1", c).named("impossible factors"),
		)},
		{"ctl waits", steps(
			s.ctl("pin add", "--name=ctl waits", "--wait", "--wait-limit=1", "--wait-timeout=20s", c).only("ctl waits"),
			s.ctl("pin update", "--name=ctl waits", "--wait", "--wait-limit=3", "--wait-timeout=20s", c, d).only("ctl waits"),
			s.ctl("pin rm", c).omit("body"), s.ctl("pin rm", d).omit("body"),
		)},
		{"ctl adds", steps(
			s.both("add", "--recursive", "--name=ctl adds", path("tree")), s.ctl("add", "--quiet", "--name=ctl adds", path("note")), s.ctl("add", "--quieter", "--name=ctl adds", path("note"), path("other")),
			s.inJSON("add", "--no-stream", "--name=ctl adds", path("note")), s.ctl("add", "--local", "--name=ctl adds", path("note")),
			s.ctl("add", "--replication-min=1", "--replication-max=2", "--name=ctl adds", path("big")), s.ctl("add", "--no-pin", path("other")),
			s.ctl("add", "--wrap-with-directory", "--hidden", "--recursive", "--name=ctl adds", path("tree")),
			s.ctl("add", "--layout=trickle", "--chunker=size-1000", "--raw-leaves", "--name=ctl adds", path("big")),
			s.ctl("add", "--cid-version=1", "--name=ctl adds", path("note")), s.ctl("add", "--hash=sha2-512", "--name=ctl adds", path("note")),
			s.ctl("add", "--format=car", "--name=ctl adds", path("archive.car")), s.ctl("add", "--nocopy", path("note")),
			s.ctl("add", "--wait", "--wait-timeout=20s", "--name=ctl adds", path("note")), s.ctl("add", path("tree")).named("a tree without -r"),
			s.both("add", "--chunker=nonsense", path("note")),
		)},
	}
}

// commandOptionCases are those after which the stock cluster gives other pins what these have; see optionCases.
func (s suite) commandOptionCases() []testCase {
	return []testCase{{"ctl options", steps(
		s.inJSON("pin add", "--expire-in=1000h", "--name=ctl options", "--no-status", inline("ctl expires")).mask(maskExpiry...),
		s.ctl("add", "--expire-in=1000h", "--allocations=$id1", "--name=ctl options", filepath.Join(s.dir, "note")),
		s.ctl("pin add", "--metadata=a=b", "--mode=direct", "--name=ctl options", "--no-status", inline("ctl options")),
		s.ctl("pin update", "--expire-in=1000h", "--name=ctl options", "--no-status", inline("ctl options"), inline("ctl options updated")).mask(maskExpiry...),
		s.ctl("add", "--metadata=a=b", "--name=ctl options", filepath.Join(s.dir, "other")),
	)}}
}
