package consensus

import (
	"testing"

	"github.com/hashicorp/raft"
)

func TestAnswersCountOnlyLaterQuestions(t *testing.T) {
	servers := []raft.Server{{ID: "self"}, {ID: "a"}, {ID: "b"}, {ID: "learner", Suffrage: raft.Nonvoter}}
	r := newAnswers()
	early := r.begin()
	since := r.begin()
	majority := func() bool { return r.majority(servers, "self", 3, since) }
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"nobody", func() {}, false},
		{"an answer to an earlier question", func() { r.ack("a", 3, early) }, false},
		{"another of the kind", func() { r.ack("b", 3, early) }, false},
		{"of an earlier term", func() { r.ack("a", 2, r.begin()) }, false},
		{"of one without a vote", func() { r.ack("learner", 3, r.begin()) }, false},
		{"an answer", func() { r.ack("a", 3, r.begin()) }, true},
		{"a late answer to an earlier question", func() { r.ack("a", 3, early) }, true},
		{"of the next term", func() { r.ack("a", 4, r.begin()) }, false},
	} {
		if step.do(); majority() != step.want {
			t.Errorf("%s: %t, want %t", step.name, !step.want, step.want)
		}
	}
	if !r.majority(servers[:1], "self", 3, since) {
		t.Error("a cluster of one needs no answer")
	}
	if r.majority(servers[1:3], "self", 3, since) {
		t.Error("a peer that has no vote counts itself")
	}
}
