package itest

import (
	"net/http"
	"strings"
)

const (
	jsonType  = "application/json"
	absentCid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
)

// restRequests are wrong in what is special about a route of the REST API.
func restRequests(kept string) []badRequest {
	long := strings.Repeat("x", 100_000)
	form := "multipart/form-data; boundary=b"
	return []badRequest{
		{method: "POST", url: "/pins/nonsense", code: 400, says: "cid"},
		{method: "POST", url: "/pins/ipfs/nonsense/a", code: 400, says: "path"},
		{method: "POST", url: "/pins/ipfs/" + kept + "/none", code: 404},
		{method: "DELETE", url: "/pins/" + absentCid, code: 404, says: "pinset"},
		{method: "DELETE", url: "/pins/ipfs/nonsense", code: 400, says: "path"},
		{method: "GET", url: "/allocations/" + absentCid, code: 404, says: "pinset"},
		{method: "GET", url: "/allocations?filter=nonsense", code: 400, says: "filter"},
		{method: "GET", url: "/allocations?limit=-1", code: 400, says: "limit"},
		{method: "GET", url: "/allocations?limit=0", code: 400, says: "limit"},
		{method: "GET", url: "/allocations?limit=99999999999999999999", code: 400, says: "limit"},
		{method: "GET", url: "/allocations?after=nonsense", code: 400, says: "cursor"},
		{method: "GET", url: "/pins?filter=nonsense", code: 400, says: "filter"},
		{method: "GET", url: "/pins?cids=nonsense", code: 400, says: "cid"},
		{method: "GET", url: "/pins?local=banana", code: 400, says: "local"},
		{method: "GET", url: "/pins/" + kept + "?local=banana", code: 400, says: "local"},
		{method: "GET", url: "/pins/" + kept + "?consistency=banana", code: 400, says: "consistency"},
		{method: "POST", url: "/pins/" + kept + "/recover?local=banana", code: 400, says: "local"},
		{method: "POST", url: "/pins/recover?local=banana", code: 400, says: "local"},
		{method: "POST", url: "/pins/rebalance?dry-run=banana", code: 400, says: "dry-run"},
		{method: "POST", url: "/ipfs/gc?local=banana", code: 400, says: "local"},
		{method: "GET", url: "/events?since=banana", code: 400, says: "since"},
		{method: "GET", url: "/events?since=-1", code: 400, says: "since"},
		{method: "GET", url: "/events?since=99999999", code: 400, says: "the log ends at"},
		{method: "GET", url: "/events?type=banana", code: 400, says: "type"},
		{method: "POST", url: "/peers", contentType: jsonType, body: "{", code: 400, says: "body"},
		{method: "POST", url: "/peers", contentType: jsonType, body: `[]`, code: 400, says: "body"},
		{method: "POST", url: "/peers", contentType: jsonType, body: `{"peer_id":7}`, code: 400, says: "peer_id"},
		{method: "POST", url: "/peers", contentType: jsonType, body: `{"peer_id":"banana"}`, code: 400, says: "peer_id"},
		{method: "POST", url: "/peers", contentType: jsonType, body: `{"peer_id":"` + strings.Repeat("x", 2<<20) + `"}`, code: 413},
		{method: "DELETE", url: "/peers/banana", code: 400, says: "peer"},
		{method: "POST", url: "/restore", body: "no backup", code: 400},
		{method: "POST", url: "/restore?force=banana", body: "no backup", code: 400, says: "force"},
		{method: "GET", url: "/nothing", code: 404},
		{method: "GET", url: "/" + long, code: 404},
		{method: "GET", url: "/pins/a/b/c/d", code: 404},
		{method: "POST", url: "/token", code: 403},
		{method: "POST", url: "/add", code: 400},
		{method: "POST", url: "/add", contentType: jsonType, body: "{}", code: 400, says: "multipart"},
		{method: "POST", url: "/add", contentType: "multipart/form-data", body: "x", code: 400, says: "boundary"},
		{method: "POST", url: "/add", contentType: form, body: "--b--\r\n", code: 400, says: "no file"},
		{method: "POST", url: "/add", contentType: form, body: "--b\r\nContent-Dis", code: 400},
		{method: "POST", url: "/add?format=car", contentType: form, body: "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n", code: 400, says: "CAR"},
	}
}

// optionRequests have a bad value for each option of a pin and of an upload.
func optionRequests(kept string) []badRequest {
	var all []badRequest
	for param, says := range map[string]string{
		"mode=banana": "mode", "replication=x": "replication", "replication-min=x": "replication-min", "replication-max=-7": "replication",
		"replication-min=3&replication-max=2": "replication-min", "replication=9": "replication-min", "shard-size=-1": "shard", "expire-at=x": "expire-at",
		"expire-at=1999-01-01T00:00:00Z": "expire-at", "expire-in=x": "expire-in", "expire-in=-5h": "expire-in", "user-allocations=x": "user-allocations",
		"pin-update=x": "update", "origins=x": "multiaddr", "name=" + strings.Repeat("x", 10_000): "name", "meta-k=" + strings.Repeat("x", 100_000): "meta",
	} {
		all = append(all, badRequest{method: "POST", url: "/pins/" + kept + "?" + param, code: 400, says: says},
			badRequest{method: "POST", url: "/add?" + param, contentType: "multipart/form-data; boundary=b", body: "--b--\r\n", code: 400, says: says})
	}
	for param, says := range map[string]string{
		"layout=x": "layout", "chunker=x": "chunker", "chunker=size--1": "chunk", "hash=x": "hash", "format=zip": "format", "cid-version=-1": "cid-version", "cid-version=x": "cid-version",
		"raw-leaves=x": "raw-leaves", "hidden=x": "hidden", "local=x": "local", "recursive=x": "recursive", "wrap-with-directory=x": "wrap-with-directory", "progress=x": "progress",
		"stream-channels=x": "stream-channels", "nocopy=x": "nocopy", "nocopy=true": "nocopy", "no-pin=x": "no-pin", "shard=x": "shard", "format=car&wrap-with-directory=true": "wrapped",
	} {
		all = append(all, badRequest{method: "POST", url: "/add?" + param, contentType: "multipart/form-data; boundary=b", body: "--b--\r\n", code: 400, says: says})
	}
	return all
}

// accessRequests are about credentials.
func accessRequests(string) []badRequest {
	post := func(path, body string, code int, says string) badRequest {
		return badRequest{method: http.MethodPost, url: path, contentType: jsonType, body: body, code: code, says: says}
	}
	var all []badRequest
	for _, path := range []string{"/access/tokens", "/access/users"} {
		all = append(all,
			post(path, "", 400, ""), post(path, "{", 400, ""), post(path, "[]", 400, ""), post(path, `{"name":7}`, 400, "name"), post(path, `{"nonsense":1}`, 400, "nonsense"),
			post(path, `{"name":"","scopes":["admin"],"password":""}`, 400, "name"), post(path, `{"name":"a\u0000b","scopes":["admin"]}`, 400, "name"),
			post(path, `{"name":"`+strings.Repeat("x", 1000)+`","scopes":["admin"]}`, 400, "name"),
			post(path, `{"name":"`+strings.Repeat("x", 100_000)+`"}`, 413, "bytes"),
		)
	}
	return append(all,
		post("/access/tokens", `{"name":"a","scopes":["banana"]}`, 400, "scope"), post("/access/tokens", `{"name":"a","scopes":[]}`, 400, "scopes"),
		post("/access/tokens", `{"name":"a","scopes":["read"]}`, 400, "scopes"), post("/access/tokens", `{"name":"a","scopes":["admin"],"password":"x"}`, 400, "password"),
		post("/access/tokens", `{"name":"a","scopes":["admin"],"expires":"1999-01-01T00:00:00Z"}`, 400, "expires"),
		post("/access/users", `{"name":"a","scopes":["admin"]}`, 400, "password"),
		badRequest{method: "PUT", url: "/access/users/nobody", contentType: jsonType, body: `{"scopes":["read"]}`, code: 404},
		badRequest{method: "DELETE", url: "/access/users/nobody", code: 404}, badRequest{method: "GET", url: "/access/tokens/nobody", code: 404},
		badRequest{method: "GET", url: "/access/nothing", code: 404}, badRequest{method: "GET", url: "/access", code: 404},
	)
}

// pinningRequests are about the pinning service.
func pinningRequests(kept string) []badRequest {
	post := func(body string, code int, says string) badRequest {
		return badRequest{method: http.MethodPost, url: "/psa/pins", contentType: jsonType, body: body, code: code, says: says}
	}
	get := func(query, says string) badRequest {
		return badRequest{method: http.MethodGet, url: "/psa/pins?" + query, code: 400, says: says}
	}
	return []badRequest{
		post("", 400, ""), post("{", 400, ""), post("[]", 400, ""), post("{}", 400, "cid"), post(`{"cid":7}`, 400, "cid"), post(`{"cid":"banana"}`, 400, "cid"),
		post(`{"cid":"`+kept+`","name":"`+strings.Repeat("x", 300)+`"}`, 400, "name"), post(`{"cid":"`+kept+`","origins":["banana"]}`, 400, "origins"),
		post(`{"cid":"`+kept+`","meta":{"k":7}}`, 400, "meta"), post(`{"cid":"`+kept+`","name":"`+strings.Repeat("x", 2<<20)+`"}`, 413, ""),
		get("cid=banana", "cid"), get("name="+strings.Repeat("x", 300), "name"), get("match=banana", "match"), get("status=banana", "status"), get("before=banana", "before"),
		get("after=banana", "after"), get("limit=0", "limit"), get("limit=-1", "limit"), get("limit=1001", "limit"), get("limit=banana", "limit"), get("meta=banana", "meta"),
		{method: "GET", url: "/psa/pins/banana", code: 404}, {method: "DELETE", url: "/psa/pins/banana", code: 404},
		{method: "POST", url: "/psa/pins/banana", contentType: jsonType, body: `{"cid":"` + kept + `"}`, code: 404},
		{method: "GET", url: "/psa/nothing", code: 404}, {method: "GET", url: "/psa/", code: 404},
	}
}

// rpcRequests are refused by our own part of the RPC API, or by kubo as it refuses them on a single node.
func rpcRequests(kept string) []badRequest {
	return []badRequest{
		{method: "POST", url: "/api/v0/pin/add", code: 400, says: `argument "ipfs-path" is required`},
		{method: "POST", url: "/api/v0/pin/add?arg=" + kept + "&progress=banana", code: 400, says: "could not convert"},
		{method: "POST", url: "/api/v0/nothing", code: 404, says: "404"},
		{method: "GET", url: "/api/v0/pin/rm?arg=" + kept, code: 405, says: "405"},
		{method: "PUT", url: "/api/v0/files/rm?arg=/", code: 405, says: "405"},
		{method: "POST", url: "/api/v0/add", code: 400, says: "argument"},
		{method: "POST", url: "/api/v0/shutdown", code: 403, says: "not stopped through its API"},
		{method: "POST", url: "/api/v0/repo/gc?stream-errors=banana", code: 400, says: "stream-errors"},
		{method: "POST", url: "/api/v0/repo/stat?human=banana", code: 400, says: "human"},
		{method: "POST", url: "/api/v0/config?arg=Addresses.API&arg=x", code: 403},
	}
}

// bulkRequests are bodies of POST /pins that are wrong as a whole. What is wrong in a line is told in its answer.
func bulkRequests(string) []badRequest {
	return []badRequest{{method: "PUT", url: "/pins", body: "{}", code: 405}}
}
