package diag_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/diag"
)

// unpack reads an archive, and checks what Check says of it.
func unpack(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(header.Name)] = string(content)
	}
	if n, err := diag.Check(bytes.NewReader(raw)); err != nil || n != len(files) {
		t.Errorf("checked: %d files of %d, %v", n, len(files), err)
	}
	return files
}

func write(t *testing.T, r diag.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.WriteTo(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A part that fails, or that never comes, is named, and the others are there.
func TestFaultsLeaveTheOtherParts(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
			http.Error(w, "too late", http.StatusServiceUnavailable)
		case "/ok":
			_, _ = io.WriteString(w, "fine for "+r.Header.Get("X-For"))
		default:
			http.NotFound(w, r)
		}
	})
	slow := diag.Ask("slow.json", handler, "GET /slow")
	slow.Within = time.Millisecond
	files := unpack(t, write(t, diag.Report{Name: "report", Parts: []diag.Part{
		slow, diag.Ask("none.json", handler, "GET /none"), diag.Ask("ok.json", handler, "GET /ok", "X-For", "us"),
		{Name: "half.txt", Within: time.Second, Write: func(_ context.Context, w io.Writer) error {
			_, _ = io.WriteString(w, "half")
			return errors.New("no more")
		}},
	}}))
	faults := files["faults.txt"]
	if files["ok.json"] != "fine for us" || files["half.txt"] != "half" {
		t.Errorf("parts: %q", files)
	}
	for _, want := range []string{"slow.json: ", "none.json: there is no such route", "half.txt: no more"} {
		if !strings.Contains(faults, want) {
			t.Errorf("faults lack %q: %s", want, faults)
		}
	}
	if strings.Contains(faults, "ok.json") {
		t.Errorf("faults: %s", faults)
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	raw := write(t, diag.Report{Name: "report", Secrets: []string{"swordfish\n", "abc", ""}, Parts: []diag.Part{
		diag.Text("log.txt", func() []byte { return []byte("token=swordfish abc swordfish") }),
		{Name: "x", Within: time.Second, Write: func(context.Context, io.Writer) error { return errors.New("swordfish is wrong") }},
	}})
	files := unpack(t, raw)
	if files["log.txt"] != "token=[redacted] abc [redacted]" || !strings.Contains(files["faults.txt"], "[redacted] is wrong") {
		t.Errorf("%q", files)
	}
}

func TestACutReportIsNone(t *testing.T) {
	raw := write(t, diag.Report{Name: "report", Parts: diag.Process("test", 0)})
	for _, n := range []int{0, 1, len(raw) / 2, len(raw) - 1} {
		if _, err := diag.Check(bytes.NewReader(raw[:n])); err == nil {
			t.Errorf("%d of %d bytes pass", n, len(raw))
		}
	}
}

func TestWhatAProcessTells(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "b", "file"), make([]byte, 4321), 0o600); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, write(t, diag.Report{Name: "report", Parts: append(diag.Process("v1.2.3", 10*time.Millisecond), diag.Disk(dir))}))
	for name, want := range map[string]string{
		"version.txt": "underlay v1.2.3", "goroutines.txt": "TestWhatAProcessTells", "limits.txt": "GOMEMLIMIT", "disk.txt": "4321 a/b",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q: %.300s", name, want, files[name])
		}
	}
	for _, name := range []string{"heap.pprof", "cpu.pprof"} {
		if !strings.HasPrefix(files[name], "\x1f\x8b") {
			t.Errorf("%s is no profile", name)
		}
	}
	if files["faults.txt"] != "" {
		t.Errorf("faults: %s", files["faults.txt"])
	}
}
