// Package aws asks Amazon Web Services what a cluster on EC2 needs to know: which machines are there, and what is kept in
// the parameters of Systems Manager. It also does what a machine of the cluster does when it boots: attach its volume, tell its
// stack; and it stores backups.
//
// Credentials and region come from where every AWS tool finds them: the environment, the shared files, or the instance's own
// profile and metadata. Endpoints can be set by AWS_ENDPOINT_URL, which the tests do.
//
// Start reading at [Open].
package aws
