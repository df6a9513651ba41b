// Package aws asks Amazon Web Services what a cluster on EC2 needs to know: which machines are there, and what is kept in
// the parameters of Systems Manager. It also does what a machine of the cluster does when it boots: attach its volume, tell its
// stack; it watches for what EC2 says about the machine's end; and it stores backups.
//
// Credentials and region come from the environment, as with every AWS tool (AWS_ACCESS_KEY_ID, AWS_REGION, ...), or from the instance
// itself. AWS_ENDPOINT_URL sets one endpoint for all services, which the tests do.
//
// Start reading at [Open].
package aws
