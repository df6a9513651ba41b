package rpcdiff

// coreAPIFailures are the tests of kubo's suite that fail on our peers, and why.
func coreAPIFailures() map[string]string {
	return map[string]string{}
}
