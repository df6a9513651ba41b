package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	cmds "github.com/ipfs/go-ipfs-cmds"
)

// WriteKuboUnavailable answers that the same request may succeed a little later.
func WriteKuboUnavailable(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", RetryAfter)
	WriteKubo(w, http.StatusServiceUnavailable, cmds.Errorf(cmds.ErrNormal, "%s", err))
}

// WriteKubo answers a command with an error in kubo's form.
func WriteKubo(w http.ResponseWriter, status int, failure cmds.Error) {
	body, err := json.Marshal(failure)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
}

// KuboOf reads an answer that is an error in kubo's form, or in another.
func KuboOf(resp *http.Response) error {
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return fmt.Errorf("read its answer: %w", err)
	}
	var failure cmds.Error
	if json.Unmarshal(body, &failure) == nil && failure.Message != "" {
		return With(resp.StatusCode, errors.New(failure.Message))
	}
	return With(resp.StatusCode, fmt.Errorf("it answers %s: %s", resp.Status, bytes.TrimSpace(body)))
}
