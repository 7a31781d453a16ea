//go:build !crashtest

package cli

// crashStep is nil in every build but that of the crash tests.
var crashStep func(step string)
