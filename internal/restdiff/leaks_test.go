package restdiff

import (
	"slices"
	"strings"

	"github.com/underlay/underlay/internal/apidiff"
)

// leakDifferences are what the stock cluster gives to a pin that an earlier one had: it decodes the entries of its log into
// one value, in which what an entry lacks stays from the one before. A field counts as leaked only in cases that do not
// set it themselves.
func leakDifferences() []apidiff.Difference {
	const why = "the stock cluster gives pins the options of earlier ones"
	var all []apidiff.Difference
	add := func(test, step string, fields ...string) {
		for _, field := range fields {
			all = append(all, apidiff.Difference{Test: test, Step: step, Field: "body*." + field + "*", Ours: `^(?:null|""|\[\]|0|\(absent\))$`, Why: why, Varies: true})
		}
	}
	for _, c := range slices.Concat(optionCases(), addOptionCases()) {
		for field, param := range map[string]string{
			"name": "name=", "metadata": "meta-", "origins": "origins=", "shard_size": "shard-size=", "pin_update": "pin-update=",
			"metadata.a": "meta-a", "metadata.by": "meta-by", "metadata.k": "meta-k=", "metadata.key": "meta-key", "metadata.other": "meta-other",
		} {
			for _, s := range c.steps {
				if !sets(c, param) || s.action.(request).method == "POST" && !stepSets(s, param) {
					add(c.name, s.label, field)
				}
			}
		}
	}
	for _, kind := range []string{plainClient, failover, roundRobin} {
		add(kind+" pins", "*", "pin_update", "shard_size", "origins")
		add(kind+" pins", "Unpin*", "metadata")
		add(kind+" lists", "*", "pin_update", "shard_size", "origins", "metadata")
	}
	add("pin update", "the old one", "pin_update")
	all = append(all, apidiff.Difference{Test: "ctl options", Step: "pin update*", Field: "body", Ours: "Metadata: (?:no|yes)", Why: why, Varies: true})
	return all
}

// sets tells whether some request of a case has a parameter that begins so.
func sets(c testCase, param string) bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return stepSets(s, param) })
}

func stepSets(s step, param string) bool {
	return slices.ContainsFunc(s.action.(request).params, func(p string) bool { return strings.HasPrefix(p, param) })
}
