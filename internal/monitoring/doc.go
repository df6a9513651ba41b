// Package monitoring checks what is in deploy/monitoring: the rules by themselves, and the rules and the dashboard with a real
// Prometheus that watches a real cluster. It holds tests only.
package monitoring
