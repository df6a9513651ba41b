package psa

import (
	"context"
	"errors"
	"net/http"

	"github.com/rs/cors"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/origin"
)

// Handler serves the API, with its routes at the root. It asks nobody who he is: what does stands around it, and refuses
// with Fail. It has no limits on times: those belong to the server around it.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range []struct {
		route string
		serve func(w http.ResponseWriter, r *http.Request) error
	}{
		{"GET /pins", s.getPins},
		{"POST /pins", s.postPin},
		{"GET /pins/{requestid}", s.getPin},
		{"POST /pins/{requestid}", s.postReplacement},
		{"DELETE /pins/{requestid}", s.deletePin},
		{"/pins", s.refuseMethod("GET, POST")},
		{"/pins/{requestid}", s.refuseMethod("GET, POST, DELETE")},
		{"/", s.refuseRoute},
	} {
		mux.HandleFunc(r.route, func(w http.ResponseWriter, req *http.Request) {
			err := fault.CheckURL(req, "cid", "status")
			if err == nil {
				err = r.serve(w, req)
			}
			if err != nil {
				s.fail(w, req, err)
			}
		})
	}
	return allowReading(s.refuseOtherSites(mux))
}

// fail answers with the status of err and the API's error body. It is the only place where the API logs.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := fault.Status(err)
	level := s.logger.Debug
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = s.logger.Warn
	}
	level("pinning service request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	if _, ok := errors.AsType[*consensus.QuotaError](err); ok {
		overQuota(w, err)
		return
	}
	Fail(w, status, err.Error())
}

func (s *Service) refuseRoute(http.ResponseWriter, *http.Request) error {
	return failure{http.StatusNotFound, errors.New("there is nothing at this path; requests are at /pins")}
}

func (s *Service) refuseMethod(allowed string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed)
		return failure{http.StatusMethodNotAllowed, errors.New("method " + r.Method + " is not allowed here")}
	}
}

// refuseOtherSites stops browsers from changing the cluster on behalf of a page of another site.
func (s *Service) refuseOtherSites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := origin.Check(r); err != nil {
			s.fail(w, r, failure{http.StatusForbidden, err})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowReading lets pages of any site read, as the REST API does.
func allowReading(next http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{http.MethodGet},
		AllowedHeaders: []string{"Authorization"},
	}).Handler(next)
}

func (s *Service) getPins(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return err
	}
	results, err := s.list(r.Context(), q)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, results)
	return nil
}

func (s *Service) postPin(w http.ResponseWriter, r *http.Request) error {
	pin, err := readPin(w, r)
	if err != nil {
		return err
	}
	made, err := s.create(r.Context(), pin)
	if err != nil {
		return err
	}
	return s.accept(r.Context(), w, made)
}

func (s *Service) postReplacement(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	pin, err := readPin(w, r)
	if err != nil {
		return err
	}
	made, err := s.replace(r.Context(), id, pin)
	if err != nil {
		return err
	}
	return s.accept(r.Context(), w, made)
}

// accept answers with a request that was just committed. This peer need not have applied it, and nobody is asked.
func (s *Service) accept(ctx context.Context, w http.ResponseWriter, made request) error {
	_, pins, err := s.pinsetNow(consensus.WithStale(ctx))
	if err != nil {
		return err
	}
	shown, err := s.show(ctx, pins, []request{made}, []outcome{{status: statusQueued}})
	if err != nil {
		return err
	}
	reply(w, http.StatusAccepted, shown[0])
	return nil
}

func (s *Service) getPin(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	ctx, pins, err := s.pinsetNow(r.Context())
	if err != nil {
		return err
	}
	found, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	judges := s.judgesOf(pins)
	if err := judges.lookAt(ctx, found.pin.Cid); err != nil {
		return err
	}
	outcomes, err := judges.of(ctx, []record{found})
	if err != nil {
		return err
	}
	shown, err := s.show(ctx, pins, []request{found.request}, outcomes)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, shown[0])
	return nil
}

func (s *Service) deletePin(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.remove(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// pathID returns the identifier in the path. What cannot be one is none of ours.
func pathID(r *http.Request) (requestID, error) {
	id, ok := parseRequestID(r.PathValue("requestid"))
	if !ok {
		return id, errNoRequest
	}
	return id, nil
}
