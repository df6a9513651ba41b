package fault

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for url, says := range map[string]string{
		"/pins":                       "",
		"/pins?local=true&filter=x":   "",
		"/pins?cid=a&cid=b":           "", // repeatable
		"/pins?local=true&local=":     "parameter local invalid: it is given 2 times",
		"/pins?name=%zz":              "query invalid",
		"/pins?name=a;b":              "query invalid",
		"/pins?name=%ff":              `parameter "name" invalid`,
		"/pins?%ff=x":                 `parameter "\xff" invalid`,
		"/pins/%ff%fe":                `path "/pins/\xff\xfe" is not UTF-8`,
		"/pins/%E2%82%AC?name=%C3%A9": "",
	} {
		err := CheckURL(httptest.NewRequest(http.MethodGet, url, nil), "cid")
		switch {
		case says == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says) || Status(err) != http.StatusBadRequest):
			t.Errorf("%s: %v, want %q", url, err, says)
		}
	}
}
