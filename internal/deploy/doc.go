// Package deploy checks what is in the folder deploy: templates, user data, scripts, units and packages. It holds tests only, which
// `make deploy-check` runs. Each skips, and says why, where a tool that it needs is missing.
//
// The templates are checked twice. An emulator of AWS makes the stacks, and tests read back what the specification says of ports,
// health checks and rules (stack_test.go). What the emulator does not keep is read from the templates (policy_test.go).
package deploy
