package proxytest

// KuboError is the form in which kubo answers a command that failed.
type KuboError struct {
	Message string
	Code    int
	Type    string
}
