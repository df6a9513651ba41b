package boottest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// serveMetadata answers a machine what its instance is. Both versions of the service are served: in a container cloud-init takes the
// first one, the program the second.
func (r *region) serveMetadata(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := r.caller(req)
	_, path, ok := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/") // behind the version
	if by == nil || !ok {
		http.NotFound(w, req)
		return
	}
	if path == "api/token" && req.Method == http.MethodPut {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", req.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		_, _ = io.WriteString(w, "token-of-"+by.id) // a machine that has gone asks no more
		return
	}
	if text, found := lookUp(by.metadata(), path); found {
		_, _ = io.WriteString(w, text)
		return
	}
	http.NotFound(w, req)
}

// lookUp returns a file of a tree, or the list of what is in one of its directories.
func lookUp(tree map[string]string, path string) (text string, found bool) {
	path = strings.Trim(path, "/")
	if text, found = tree[path]; found {
		return text, true
	}
	inside := make(map[string]bool)
	for name := range tree {
		if rest, below := strings.CutPrefix(name, path+"/"); below {
			first, _, isDirectory := strings.Cut(rest, "/")
			if isDirectory {
				first += "/"
			}
			inside[first] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(inside)), "\n"), len(inside) > 0
}

// metadata is the tree of what an instance may know of itself.
func (i *instance) metadata() map[string]string {
	tree := map[string]string{
		"meta-data/instance-id":                 i.id,
		"meta-data/ami-id":                      "ami-00000000000000001",
		"meta-data/local-ipv4":                  i.addr,
		"meta-data/local-hostname":              "ip-" + strings.ReplaceAll(i.addr, ".", "-"),
		"meta-data/placement/region":            regionName,
		"meta-data/placement/availability-zone": regionName + i.slot,
		"meta-data/iam/security-credentials/peer": fmt.Sprintf(
			`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"%s","SecretAccessKey":"secret","Token":"token","Expiration":"%s"}`,
			i.accessKey(), time.Now().Add(6*time.Hour).UTC().Format(time.RFC3339)),
		"dynamic/instance-identity/document": fmt.Sprintf(`{"accountId":"%s","region":"%s","instanceId":"%s"}`, accountID, regionName, i.id),
		"user-data":                          i.userData,
	}
	for key, value := range i.tags() {
		tree["meta-data/tags/instance/"+key] = value
	}
	return tree
}

// tags are those that the group of a slot gives its instances.
func (i *instance) tags() map[string]string {
	return map[string]string{"underlay:cluster": clusterName, "underlay:slot": i.slot, "underlay:volume": i.volume.id}
}

// accessKey is of the credentials that the instance has by its profile.
func (i *instance) accessKey() string { return "ASIA" + strings.ToUpper(i.id[2:]) }
