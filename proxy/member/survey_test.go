package member

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/underlay/underlay/proxy/proxytest"
)

// respondent is a member that answers a survey.
type respondent struct {
	proxytest.Member
	survey *Survey[string]
	asked  atomic.Int64
	fails  atomic.Bool
	hangs  atomic.Bool
}

// respondents are members of one network, who serve each other, called as they answer.
func respondents(t *testing.T, fresh time.Duration, names ...string) (all []*respondent) {
	t.Helper()
	n := proxytest.NewNetwork()
	for _, name := range names {
		r := &respondent{Member: n.Join(t, name)}
		r.survey = NewSurvey(r.Member, "/question", fresh, func(ctx context.Context) (string, error) {
			r.asked.Add(1)
			if r.hangs.Load() {
				<-ctx.Done()
			}
			if r.fails.Load() {
				return "", errors.New("out of order")
			}
			return name, nil
		}, slog.New(slog.DiscardHandler))
		mux := http.NewServeMux()
		mux.Handle(r.survey.Path(), r.survey.Handler())
		n.Reach(r.Member, proxytest.Serve(t, proxytest.Listen(t), mux, time.Second).Addr)
		all = append(all, r)
	}
	return all
}

// Everybody is asked at once, and who does not answer is in the answers too, with what kept it.
func TestSurvey(t *testing.T) {
	all := respondents(t, 0, "c", "a", "b", "d")
	all[2].fails.Store(true)
	all[3].hangs.Store(true)
	all[0].Reach(all[1].Member, "")
	begun := time.Now()
	got, err := all[0].survey.Ask(t.Context())
	if err != nil || len(got.All) != 4 || got.At.Before(begun) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []struct {
		label string
		fault bool
	}{{"a", true}, {"b", true}, {"c", false}, {"d", true}} {
		a := got.All[i]
		if a.Label() != want.label || (a.Fault != nil) != want.fault || a.Fault == nil && a.Said != a.Name {
			t.Errorf("answer %d is %+v", i, a)
		}
	}
	if !errors.Is(got.All[0].Fault, ErrUnreachable) || !errors.Is(got.All[3].Fault, context.DeadlineExceeded) {
		t.Errorf("faults: %v, %v", got.All[0].Fault, got.All[3].Fault)
	}
}

// Answers serve all who look within a while, also if who has asked first goes away.
func TestSurveyAsksOnce(t *testing.T) {
	all := respondents(t, time.Hour, "a", "b")
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 10 {
		got, err := all[0].survey.Ask(gone)
		if err != nil || len(got.All) != 2 || got.All[1].Said != "b" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if n := all[1].asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// When the answers are old, all are asked again.
func TestSurveyAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		alone := proxytest.NewNetwork().Join(t, "alone")
		s := NewSurvey(alone, "/question", time.Second, func(context.Context) (int, error) { asked++; return asked, nil }, slog.New(slog.DiscardHandler))
		for i, pause := range []time.Duration{0, time.Second - 1, 1} {
			<-time.After(pause)
			if got, err := s.Ask(t.Context()); err != nil || got.All[0].Said != []int{1, 1, 2}[i] {
				t.Errorf("answer %d is %+v, %v", i, got, err)
			}
		}
	})
}
