// Command sliproad is a self-hosted server for session-based crypto on- and off-ramp checkout.
package main

import (
	"os"

	"github.com/sliproad/sliproad/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
