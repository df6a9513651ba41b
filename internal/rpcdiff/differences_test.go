package rpcdiff

// differences is the table of everything that is not as on a plain kubo, each with its reason.
func differences() []difference {
	return nil
}
