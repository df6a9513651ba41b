// Package forwarded finds out who makes a request, and which host and scheme it is for, when load balancers stand between.
//
// Promise: what a client writes into X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto or Forwarded has no effect.
// These headers count only on connections from configured proxies, and there only those that the proxies are said to set;
// all others are removed before any other handler sees the request.
//
// Not promised: anything if a proxy is trusted with a header that it merely passes on.
//
// Start reading at New.
package forwarded
